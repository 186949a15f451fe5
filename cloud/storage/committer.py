"""Group commit: one thread writes what many have handed in, syncs once, and then tells each of them.

The order is the promise: the record is on stable storage, then in the index, then its future is resolved.
Nobody is told of a record before that, neither the agent (by an ack) nor a subscriber (by a cursor).
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from cloud.storage.index import Index
from cloud.storage.known import unknown_entries
from cloud.storage.records import Entry, ResultEntry, form_of, key_of
from cloud.storage.result_queries import newest_cursor
from cloud.storage.rows import Located
from runtime.segment_log.eviction import EvictedRecord
from runtime.segment_log.log import SegmentLog
from runtime.segment_log.record import RecordId
from shared_models.errors import StorageError
from slimstream.v1.control_pb2 import Result

_ENTRIES_PER_COMMIT: Final = 512


@dataclass(frozen=True, slots=True)
class Written:
    """What became of an entry, and where it is; `record_id` is None where the same was stored before."""

    entry: Entry
    record_id: RecordId | None


@dataclass(slots=True)
class _Waiting:
    entry: Entry
    future: Future[Written]


class Committer:
    """The only writer of one log and of its rows in the index."""

    def __init__(
        self, name: str, log_of: Callable[[Callable[[list[EvictedRecord]], None]], SegmentLog], index: Index
    ) -> None:
        """Open the log by `log_of`, which is given what to call about evicted records."""
        self.name = name
        self._index = index
        self._evicted: set[int] = set()
        self._evicted_lock = threading.Lock()
        self.log = log_of(self._note_evicted)
        self._queue: queue.Queue[_Waiting | Future[None] | None] = queue.Queue()
        """Entries, futures to resolve once those before them are written, and None at the end."""
        self._thread = threading.Thread(target=self._run, name=f"commit {name}", daemon=True)

    def start(self) -> None:
        """Begin to write; the index must be level with the log by now."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread writes what is handed in."""
        return self._thread.is_alive()

    def submit(self, entry: Entry) -> Future[Written]:
        """Hand an entry in and return at once. The future raises StorageError if it could not be stored.

        Those who fill the queue bound it: credits the gateway's frames, batches the workers' results.
        """
        waiting = _Waiting(entry, Future())
        self._queue.put(waiting)
        return waiting.future

    def settled(self) -> Future[None]:
        """Return what is done once every entry handed in before is in the index, or has failed."""
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()  # whoever stops waiting must not cancel it under the thread
        self._queue.put(done)
        return done

    def close(self) -> None:
        """Write what was handed in, end the thread and close the log."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        self.log.close()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            waiting: list[_Waiting] = []
            done: list[Future[None]] = []
            for item in self._taken():
                match item:
                    case _Waiting():
                        waiting.append(item)
                    case Future():
                        done.append(item)
                    case None:
                        is_last = True
            if waiting:
                self._commit(waiting)
            for future in done:
                future.set_result(None)

    def _taken(self) -> Iterator[_Waiting | Future[None] | None]:
        """Wait for the next item in the queue, and yield it with those behind it that a commit can take."""
        yield self._queue.get()
        with suppress(queue.Empty):
            for _ in range(_ENTRIES_PER_COMMIT - 1):
                yield self._queue.get_nowait()

    def _commit(self, batch: Sequence[_Waiting]) -> None:
        try:
            written = self._write([waiting.entry for waiting in batch])
        except Exception as failure:  # whatever it was, those who wait must hear of it
            error = failure if isinstance(failure, StorageError) else StorageError(f"cannot store: {failure}")
            for waiting in batch:
                waiting.future.set_exception(error)
            return
        for waiting, outcome in zip(batch, written, strict=True):
            waiting.future.set_result(outcome)

    def _write(self, entries: Sequence[Entry]) -> list[Written]:
        with self._index.reading() as connection:
            is_new = unknown_entries(connection, entries)
            cursor = newest_cursor(connection)
        written: list[Written] = []
        located: list[Located] = []
        for entry, new in zip(entries, is_new, strict=True):
            if new and isinstance(entry, ResultEntry):
                cursor += 1
                entry = _with_cursor(entry, cursor)  # noqa: PLW2901
            if new:
                located.append(self._append(entry))
            written.append(Written(entry, located[-1].record_id if new else None))
        if located:
            self.log.sync()
            self._record(located)
        return written

    def _append(self, entry: Entry) -> Located:
        form = form_of(entry)
        record_id = self.log.append(form.record_type, form.payload, importance=form.importance, key=form.key)
        return Located(key_of(entry), record_id, len(form.payload))

    def _record(self, located: Sequence[Located]) -> None:
        with self._evicted_lock:
            evicted, self._evicted = self._evicted, set()
        try:
            with self._index.writing() as connection:
                self._index.add(connection, self.name, located)
                self._index.forget_segments(connection, self.name, evicted)
        except StorageError:
            with self._evicted_lock:
                self._evicted |= evicted
            raise

    def forget_evicted(self) -> None:
        """Take the rows of evicted segments out of the index, where nothing is being written."""
        if self._evicted:
            self._record(())

    def _note_evicted(self, evicted: list[EvictedRecord]) -> None:
        with self._evicted_lock:
            self._evicted |= {record.record_id.segment for record in evicted}


def _with_cursor(entry: ResultEntry, cursor: int) -> ResultEntry:
    result = Result()
    result.CopyFrom(entry.result)
    result.cursor = cursor
    return replace(entry, result=result)
