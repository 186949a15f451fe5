"""Group commit: many threads wait for one flush. Knows nothing of files."""

import threading
from collections.abc import Callable
from typing import Final

from shared_models.errors import StorageError

FAILED_INTERVAL_S_MAX: Final = 30.0
"""The longest pause between flushes that nobody waits for while they fail."""


class GroupCommit:
    """A thread that runs `flush` when somebody waits, and every `interval_s` besides.

    `flush` raises when it fails. Each waiter gets the result of a flush that began after it asked.
    """

    def __init__(self, flush: Callable[[], None], interval_s: float | None, name: str) -> None:
        """Start the thread under `name`; None as `interval_s` flushes only when asked."""
        self._flush = flush
        self._interval_s = interval_s
        self._changed = threading.Condition()
        self._begun = 0
        self._done = 0
        self._wanted = 0
        self._failures = 0
        self._error: StorageError | None = None
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Return when a flush that began after this call has ended; raise its StorageError."""
        with self._changed:
            if self._is_closing:
                raise StorageError("the log is closed; nothing more becomes durable")
            ticket = self._begun + 1
            self._wanted = max(self._wanted, ticket)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._done >= ticket)
            # A later flush has only ever more to say: what it made durable includes what we waited for,
            # and its failure means that ours may have been undone.
            error = self._error
        if error is not None:
            raise StorageError(str(error)) from error

    def close(self) -> None:
        """Run what was asked for and end the thread."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while self._next_flush():
            error: StorageError | None = None
            try:
                self._flush()
            except Exception as failure:  # whatever it was, waiters must hear of it
                error = StorageError(str(failure))
            with self._changed:
                self._error = error
                self._failures = 0 if error is None else self._failures + 1
                self._done = self._begun
                self._changed.notify_all()

    def _next_flush(self) -> bool:
        """Wait for the next reason to flush; False when there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._wanted > self._begun or self._is_closing, self._pause_s())
            if self._is_closing and self._wanted <= self._begun:
                return False
            self._begun += 1
            return True

    def _pause_s(self) -> float | None:
        if self._interval_s is None:
            return None
        return min(
            self._interval_s * 2.0 ** min(self._failures, 16), max(FAILED_INTERVAL_S_MAX, self._interval_s)
        )
