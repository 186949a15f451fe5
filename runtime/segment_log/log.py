"""The segment log: one append-only store on disk, for the edge's ring and the cloud's frames.

    append ──► active segment of its importance ──► group commit (fdatasync) ──► sealed ──► evicted
                 (page cache: survives the death      (survives the loss
                  of the process)                       of power)

Each importance has segments of its own, so eviction deletes whole files: the least important first, then the
oldest. Record ids therefore stay true for as long as a record is held, and no record is ever moved.
"""

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from runtime.segment_log.eviction import EvictedRecord
from runtime.segment_log.filesystem import Filesystem
from runtime.segment_log.group_commit import GroupCommit
from runtime.segment_log.options import SegmentLogOptions
from runtime.segment_log.record import (
    HEADER_BYTES,
    IMPORTANCE_MAX,
    KEY_BYTES_MAX,
    RECORD_TYPE_MAX,
    SEAL_BYTES,
    Record,
    RecordHeader,
    RecordId,
)
from runtime.segment_log.recovery import recover
from runtime.segment_log.scan import ScannedRecord
from runtime.segment_log.segment import Segment
from runtime.segment_log.segment_header import SEGMENT_HEADER_BYTES
from runtime.segment_log.segment_set import SegmentSet
from runtime.segment_log.segment_sync import SegmentSync
from runtime.segment_log.stats import SegmentInfo, SegmentLogStats
from shared_models.errors import NotHeldError, StorageError


class SegmentLog:
    """An append-only log of records in a directory of its own. Thread-safe; one process at a time."""

    def __init__(
        self,
        directory: Path,
        options: SegmentLogOptions,
        on_evicted: Callable[[list[EvictedRecord]], None] | None,
        directory_lock: int,
    ) -> None:
        """Use `open` instead."""
        self.directory = directory
        self.options = options
        self._on_evicted = on_evicted
        self._directory_lock = directory_lock
        self._lock = threading.Lock()
        recovered = recover(directory, options.filesystem)
        self._set = SegmentSet(directory, options, recovered, reports_evicted=on_evicted is not None)
        self._sync = SegmentSync(directory, options.filesystem, self._set, self._lock)
        self._is_closed = False
        self._commit = GroupCommit(self._flush, options.sync_interval_s, f"sync {directory.name}")

    @classmethod
    def open(
        cls,
        directory: Path,
        options: SegmentLogOptions | None = None,
        on_evicted: Callable[[list[EvictedRecord]], None] | None = None,
    ) -> Self:
        """Open the log in `directory`, created if it is missing, in whatever state it was left.

        Args:
            directory: belongs to the log alone.
            options: sizes and times; see SegmentLogOptions.
            on_evicted: is told of every record given up, outside the log's lock: before the append that
                caused it returns, or in the log's own thread where a failed sync did. It must not wait for
                a sync.

        Raises:
            StorageError: the directory cannot be used at all, or another process has the log open.
        """
        options = options or SegmentLogOptions()
        try:
            _make_directory(directory, options.filesystem)
            directory_lock = _lock_directory(directory)
            try:
                return cls(directory, options, on_evicted, directory_lock)
            except BaseException:
                os.close(directory_lock)
                raise
        except OSError as error:
            raise StorageError(
                f"cannot use {directory} for a segment log: {error.strerror}; check its owner and free space"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Writing

    def append(self, record_type: int, payload: bytes, *, importance: int = 0, key: bytes = b"") -> RecordId:
        """Append a record and return at once: it outlives this process, and power loss once it is synced.

        Waits only while more than `unsynced_bytes_max` is on its way to the disk.

        Raises:
            StorageError: the record is too large for a segment, the disk is full and nothing can be evicted,
                or the disk fails.
        """
        record = Record(record_type, payload, importance, key)
        size = self._checked_size(record)
        with self._lock:
            is_behind = self._set.unsynced_bytes > self.options.unsynced_bytes_max
        if is_behind:
            self.sync()
        try:
            with self._lock:
                self._check_open()
                return self._set.append(record, size)
        finally:
            self._report_evicted()

    def append_durable(
        self, record_type: int, payload: bytes, *, importance: int = 0, key: bytes = b""
    ) -> RecordId:
        """Append a record and return when it is on stable storage.

        Raises:
            StorageError: as `append`, or the sync failed: the record may survive, but nothing is promised.
        """
        record_id = self.append(record_type, payload, importance=importance, key=key)
        self.sync()
        if not self.is_durable(record_id):
            raise NotHeldError(f"record {record_id} of {self.directory} was evicted before it was durable")
        return record_id

    def sync(self) -> None:
        """Return when everything appended before this call is on stable storage, or evicted.

        Raises:
            StorageError: the disk refused; call again to try again.
        """
        self._commit.wait()

    def is_durable(self, record_id: RecordId) -> bool:
        """Say whether the record is held and on stable storage."""
        with self._lock:
            segment = self._set.held.get(record_id.segment)
            return segment is not None and not segment.is_failed and record_id.offset < segment.durable_end

    @property
    def durable_through(self) -> int:
        """How many of the records appended since it was opened, from the first on, are durable or evicted."""
        return self._set.durable_through

    # Reading

    def read(self, record_id: RecordId) -> Record:
        """Return the record.

        Raises:
            NotHeldError: it has been evicted, is damaged, or was never written.
            StorageError: the disk fails.
        """
        with self._pinned(record_id) as segment:
            try:
                found = segment.read(record_id.offset)
            except OSError as error:
                raise StorageError(
                    f"cannot read record {record_id} in {segment.path}: {error.strerror}"
                ) from error
            if found is None:
                self._note_damage(segment, record_id.offset)
                raise NotHeldError(f"record {record_id} in {segment.path} is damaged or was never written")
            header, payload = found
            return Record(header.record_type, payload, header.importance, header.key)

    def records(self, start: RecordId | None = None) -> Iterator[tuple[RecordId, Record]]:
        """Yield every good record from `start` (inclusive) on: by segment, and by age within one.

        Importances have segments of their own, so this is the order of appending only within an importance.
        Records that are damaged, or evicted meanwhile, are left out.
        """
        for record_id, found in self._scan(start, with_payloads=True):
            header, payload = found.header, found.payload
            assert payload is not None, "a scan with payloads has them"
            yield record_id, Record(header.record_type, payload, header.importance, header.key)

    def headers(self, start: RecordId | None = None) -> Iterator[tuple[RecordId, RecordHeader]]:
        """Yield as `records` does, without reading payloads: for rebuilding an index."""
        for record_id, found in self._scan(start, with_payloads=False):
            yield record_id, found.header

    @contextlib.contextmanager
    def pin(self, record_id: RecordId) -> Iterator[None]:
        """Keep the record, and its segment, from being evicted within the `with` block.

        Raises:
            NotHeldError: its segment has been evicted already.
        """
        with self._pinned(record_id):
            yield

    # Housekeeping

    def segments(self) -> list[SegmentInfo]:
        """Return the segments held, oldest first."""
        with self._lock:
            return [
                SegmentInfo(s.number, s.importance, s.size, s.records, s.header.created_ns)
                for s in sorted(self._set.held.values(), key=lambda s: s.number)
                if not s.is_tombstone
            ]

    def evict_segment(self, number: int) -> bool:
        """Give up a whole segment, for retention by time; False if it is not held or is being read.

        Raises:
            StorageError: the disk does not let go of it.
        """
        try:
            with self._lock:
                self._check_open()
                segment = self._set.held.get(number)
                if segment is None or segment.pins or segment.is_tombstone:
                    return False
                self._set.evict(segment)
                return True
        except OSError as error:
            raise StorageError(
                f"cannot evict segment {number} of {self.directory}: {error.strerror}"
            ) from error
        finally:
            self._report_evicted()

    @property
    def stats(self) -> SegmentLogStats:
        """Sizes now and counts since the log was opened."""
        with self._lock:
            counts = self._set.counts
            return SegmentLogStats(
                segments=len(self._set.held),
                size_bytes=self._set.size_bytes,
                records=self._set.records,
                unsynced_bytes=self._set.unsynced_bytes,
                damaged=counts.damaged,
                truncated_bytes=counts.truncated_bytes,
                evicted_records=counts.evicted_records,
                evicted_segments=counts.evicted_segments,
                sync_errors=counts.sync_errors,
                disk_full=counts.disk_full,
            )

    def close(self) -> None:
        """Sync, seal and let go of the directory; the log is closed even if this raises.

        Raises:
            StorageError: the last sync failed.
        """
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._set.retire_all()
        try:
            self._commit.wait()
        finally:
            self._commit.close()
            for segment in self._set.held.values():
                segment.close()
            os.close(self._directory_lock)

    def _checked_size(self, record: Record) -> int:
        size = HEADER_BYTES + len(record.key) + len(record.payload)
        size_max = self.options.segment_bytes - SEGMENT_HEADER_BYTES - SEAL_BYTES
        if size > size_max:
            raise StorageError(
                f"a record of {size} bytes does not fit a segment of {self.directory} ({size_max} bytes); "
                "raise segment_bytes"
            )
        if not 0 <= record.record_type <= RECORD_TYPE_MAX or not 0 <= record.importance <= IMPORTANCE_MAX:
            raise StorageError(
                f"record type {record.record_type} must be 0..{RECORD_TYPE_MAX}, "
                f"importance {record.importance} 0..{IMPORTANCE_MAX}"
            )
        if len(record.key) > KEY_BYTES_MAX:
            raise StorageError(f"a key of {len(record.key)} bytes is longer than {KEY_BYTES_MAX}")
        return size

    def _check_open(self) -> None:
        if self._is_closed:
            raise StorageError(f"the segment log in {self.directory} is closed")

    def _flush(self) -> None:
        try:
            self._sync.flush()
        finally:
            self._report_evicted()  # writing a segment anew may have had to make room for it

    def _report_evicted(self) -> None:
        if self._on_evicted is None:
            return
        with self._lock:
            evicted, self._set.evicted = self._set.evicted, []
        if evicted:
            self._on_evicted(evicted)

    @contextlib.contextmanager
    def _pinned(self, record_id: RecordId) -> Iterator[Segment]:
        with self._lock:
            segment = self._set.held.get(record_id.segment)
            if segment is None or record_id.offset >= segment.data_end:
                raise NotHeldError(f"record {record_id} is not held in {self.directory}")
            segment.pins += 1
        try:
            yield segment
        finally:
            with self._lock:
                segment.pins -= 1

    def _scan(
        self, start: RecordId | None, *, with_payloads: bool
    ) -> Iterator[tuple[RecordId, ScannedRecord]]:
        first = start or RecordId(0, SEGMENT_HEADER_BYTES)
        with self._lock:
            numbers = sorted(number for number in self._set.held if number >= first.segment)
        for number in numbers:
            offset = first.offset if number == first.segment else SEGMENT_HEADER_BYTES
            try:
                with self._pinned(RecordId(number, offset)) as segment:
                    for found in segment.scan(offset, with_payloads=with_payloads):
                        if isinstance(found, ScannedRecord):
                            yield RecordId(number, found.offset), found
                        else:
                            self._note_damage(segment, found.offset)
            except NotHeldError:
                continue  # evicted since the list was made, or empty

    def _note_damage(self, segment: Segment, offset: int) -> None:
        with self._lock:
            if offset not in segment.damaged_offsets:
                segment.damaged_offsets.add(offset)
                self._set.counts.damaged += 1


def _make_directory(directory: Path, filesystem: Filesystem) -> None:
    """Create the log's directory for good: a directory lost with power takes every durable record along."""
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    for made in missing:
        filesystem.sync_directory(made.parent)


def _lock_directory(directory: Path) -> int:
    """Take the log's directory for this process; raise OSError, or StorageError if another one has it."""
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StorageError(
            f"another process has the segment log in {directory} open; stop it first"
        ) from None
    return descriptor
