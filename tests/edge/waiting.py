"""Waiting in tests for what other threads do, without guessing how long it takes."""

import threading
from collections.abc import Callable

LIMIT_S = 600.0
"""How long a test waits for what must come, however busy the machine is."""


class Changes:
    """A condition that threads notify and a test waits on."""

    def __init__(self) -> None:
        self._condition = threading.Condition()

    def notify(self) -> None:
        """Say that something may have changed."""
        with self._condition:
            self._condition.notify_all()

    def wait_for(self, is_true: Callable[[], bool]) -> None:
        """Return when `is_true()`; fail if it never is."""
        with self._condition:
            assert self._condition.wait_for(is_true, LIMIT_S), "what was waited for did not happen"
