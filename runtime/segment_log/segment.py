"""One file of the log: where records are appended, synced, read and sealed."""

import contextlib
import secrets
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from runtime.segment_log.filesystem import Filesystem
from runtime.segment_log.record import (
    Record,
    RecordHeader,
    RecordId,
    encode_record,
    encode_seal,
)
from runtime.segment_log.scan import (
    BlockReader,
    DamagedSpan,
    ReadAt,
    ScannedRecord,
    read_header,
    scan_records,
)
from runtime.segment_log.segment_header import SEGMENT_HEADER_BYTES, SegmentHeader, encode_segment_header
from runtime.segment_log.whole_writes import append_whole, copy_whole

SUFFIX: Final = ".segment"
REWRITE_SUFFIX: Final = ".rewrite"
"""A copy that is not yet in its segment's place; means nothing after a restart."""

_BLOCK_BYTES_WITH_PAYLOADS: Final = 256 * 1024
_BLOCK_BYTES_HEADERS: Final = 16 * 1024


def segment_path(directory: Path, number: int) -> Path:
    """Return where segment `number` lives."""
    return directory / f"{number:016d}{SUFFIX}"


def is_segment_name(name: str) -> bool:
    """Say whether a file of this name is a segment."""
    return name.endswith(SUFFIX) and name.removesuffix(SUFFIX).isdecimal()


class Segment:
    """A segment and what the log knows of it. Not thread-safe: the log's lock guards every change.

    Attributes:
        size: bytes of the file, the seal included.
        data_end: where the records end.
        records: good records, as far as known.
        durable_end: everything before it is on stable storage.
        unsynced_bytes: what is kept in memory because it is not.
        is_failed: a sync has failed; what is not durable must be written anew.
        pins: readers at work; a pinned segment is not evicted.
        damaged_offsets: offsets of damage that readers have met.
    """

    def __init__(self, path: Path, header: SegmentHeader, filesystem: Filesystem) -> None:
        """Describe the segment at `path`; touches no file."""
        self.path = path
        self.header = header
        self.size = SEGMENT_HEADER_BYTES
        self.data_end = SEGMENT_HEADER_BYTES
        self.records = 0
        self.durable_end = 0
        self.unsynced_bytes = 0
        self.pins = 0
        self.is_failed = False
        self.damaged_offsets: set[int] = set()
        self._filesystem = filesystem
        self._seed = header.seed
        self._descriptor: int | None = None
        self._unsynced: deque[tuple[int, bytes]] = deque()  # (offset, data), on from durable_end

    @classmethod
    def create(
        cls, directory: Path, number: int, importance: int, created_ns: int, filesystem: Filesystem
    ) -> "Segment":
        """Create the file of a new segment; raise OSError and leave nothing behind."""
        header = SegmentHeader(number, importance, secrets.randbits(64), created_ns)
        segment = cls(segment_path(directory, number), header, filesystem)
        segment._descriptor = filesystem.create(segment.path)
        try:
            segment.size = segment.data_end = 0
            segment._write([encode_segment_header(header)])
        except OSError:
            segment.close()
            filesystem.remove(segment.path)
            raise
        return segment

    def adopt(self, size: int, data_end: int, records: int) -> None:
        """Take the sizes and count that an earlier process left."""
        self.size, self.data_end, self.records = size, data_end, records
        self.durable_end = data_end

    def finish_recovered(self) -> None:
        """Cut what follows the records, sync and seal; a disk that refuses leaves the segment failed.

        The process that wrote the records may have died before it could sync them, or after a sync failed:
        then their pages are clean in the cache and not on the disk, and a sync alone would do nothing. So
        they are made dirty again first, by writing what is there already.
        """
        try:
            self._descriptor = self._filesystem.open(self.path, writable=True)
            if self.size > self.data_end:
                self._filesystem.truncate(self._descriptor, self.data_end)
                self.size = self.data_end
            copy_whole(self._filesystem, self._descriptor, self._descriptor, self.data_end)
            self._filesystem.sync(self._descriptor)
        except OSError:
            self._fail_recovered()
            return
        self.seal()

    @property
    def number(self) -> int:
        """What names the segment; grows with every new one."""
        return self.header.number

    @property
    def importance(self) -> int:
        """The importance of every record in it."""
        return self.header.importance

    @property
    def is_open(self) -> bool:
        """Whether it holds a descriptor for writing."""
        return self._descriptor is not None

    @property
    def is_tombstone(self) -> bool:
        """Whether only its number is left, kept so that it is not given again."""
        return self.size <= SEGMENT_HEADER_BYTES and self._descriptor is None

    @property
    def is_sealed(self) -> bool:
        """Whether a seal follows the records."""
        return self.size > self.data_end

    @property
    def is_durable(self) -> bool:
        """Whether every record is on stable storage."""
        return self.durable_end >= self.data_end and not self.is_failed

    def append(self, record: Record) -> RecordId:
        """Write `record` behind the last one; raise OSError and stay as it was."""
        offset = self.data_end
        self._write(encode_record(record, self._seed, offset))
        self.records += 1
        return RecordId(self.number, offset)

    def seal(self) -> None:
        """Close a durable segment for good; a good seal says that all before it is on stable storage."""
        assert self.is_durable, "only what is on stable storage is sealed"
        assert self._descriptor is not None, "a segment is sealed once"
        seal = encode_seal(self.records, self.importance, self._seed, self.data_end)
        try:
            append_whole(self._filesystem, self._descriptor, [seal], self.data_end)
            self.size = self.data_end + len(seal)
        except OSError:
            pass  # without a seal the segment is only slower to open
        self.close()

    def mark_durable(self, end: int) -> None:
        """Take note that everything before `end` is on stable storage."""
        self.durable_end = max(self.durable_end, end)
        while self._unsynced and self._unsynced[0][0] < self.durable_end:
            self.unsynced_bytes -= len(self._unsynced.popleft()[1])

    def begin_sync(self) -> "SyncPoint | None":
        """Return what a sync outside the lock needs; None if there is nothing to sync by descriptor."""
        if self._descriptor is None:
            return None
        return SyncPoint(self, self._filesystem.duplicate(self._descriptor), self.data_end)

    def read(self, offset: int) -> tuple[RecordHeader, bytes] | None:
        """Return the record at `offset`; None if none was written there or it is damaged."""
        descriptor = self._filesystem.open(self.path)
        try:
            read_at = self._reader(descriptor)
            header = read_header(read_at, self._seed, offset, self.data_end)
            if header is None:
                return None
            payload = read_at(header.payload_bytes, offset + header.payload_start)
            return (header, payload) if header.accepts(payload) else None
        finally:
            self._filesystem.close(descriptor)

    def scan(
        self, start: int = SEGMENT_HEADER_BYTES, *, with_payloads: bool
    ) -> Iterator[ScannedRecord | DamagedSpan]:
        """Yield the records from `start`, where a record begins, to where the records end now."""
        descriptor = self._filesystem.open(self.path)
        try:
            block_bytes = _BLOCK_BYTES_WITH_PAYLOADS if with_payloads else _BLOCK_BYTES_HEADERS
            read_at = BlockReader(self._reader(descriptor), block_bytes)
            yield from scan_records(read_at, self._seed, start, self.data_end, with_payloads=with_payloads)
        finally:
            self._filesystem.close(descriptor)

    def rewrite(self) -> None:
        """Write the whole file anew and durably, in the place of the old one; raise OSError.

        After a failed sync the kernel may drop pages it never wrote and call them clean (fsync-gate), so
        what was not durable comes from memory, and only the durable part from the old file.
        """
        target = self.path.with_suffix(REWRITE_SUFFIX)
        self._remove_if_there(target)
        copy = self._filesystem.create(target)
        try:
            self._copy_durable_part(copy)
            for start, data in self._unsynced:
                append_whole(self._filesystem, copy, [data], start)
            self._filesystem.sync(copy)
        except OSError:
            self._filesystem.close(copy)
            self._remove_if_there(target)
            raise
        self.close()
        self._descriptor = copy
        self._filesystem.rename(target, self.path)

    def empty(self) -> None:
        """Give every block back to the disk, even while others have the file open; keep only its number."""
        descriptor = self._filesystem.open(self.path, writable=True)
        try:
            self._filesystem.truncate(descriptor, SEGMENT_HEADER_BYTES)
        finally:
            self._filesystem.close(descriptor)
        self.adopt(SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES, 0)
        self._unsynced.clear()
        self.unsynced_bytes = 0
        self.is_failed = False
        self.close()

    def remove(self) -> None:
        """Delete the file."""
        self._filesystem.remove(self.path)

    def close(self) -> None:
        """Close the descriptor; the segment can still be read."""
        if self._descriptor is not None:
            self._filesystem.close(self._descriptor)
            self._descriptor = None

    def _fail_recovered(self) -> None:
        """Take everything into memory: none of it is known to be on stable storage."""
        self.is_failed = True
        with contextlib.suppress(OSError):
            descriptor = self._filesystem.open(self.path)
            try:
                data = self._filesystem.read_at(descriptor, self.data_end, 0)
            finally:
                self._filesystem.close(descriptor)
            self._unsynced.append((0, data))
            self.unsynced_bytes = len(data)
            self.durable_end = 0

    def _reader(self, descriptor: int) -> ReadAt:
        """Return what reads the file; after a failed sync, what is not durable is read from memory."""
        from_file = partial(self._filesystem.read_at, descriptor)
        unsynced = list(self._unsynced) if self.is_failed else []
        if not unsynced:
            return from_file
        start, tail = unsynced[0][0], b"".join(data for _, data in unsynced)

        def read_at(size_bytes: int, offset: int) -> bytes:
            head = from_file(min(size_bytes, start - offset), offset) if offset < start else b""
            begin = offset + len(head) - start
            return head + tail[begin : begin + size_bytes - len(head)]

        return read_at

    def _copy_durable_part(self, target: int) -> None:
        source = self._filesystem.open(self.path)
        try:
            copy_whole(self._filesystem, source, target, self.durable_end)
        finally:
            self._filesystem.close(source)

    def _write(self, parts: Sequence[bytes]) -> None:
        """Write behind the records and grow by it; raise OSError and stay as it was."""
        assert self._descriptor is not None, "a closed segment takes no data"
        append_whole(self._filesystem, self._descriptor, parts, self.data_end)
        for part in parts:
            self._unsynced.append((self.data_end, part))
            self.data_end += len(part)
            self.unsynced_bytes += len(part)
        self.size = self.data_end

    def _remove_if_there(self, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._filesystem.remove(path)


@dataclass(frozen=True, slots=True)
class SyncPoint:
    """A segment, a descriptor of its own to sync by, and how far that sync will reach."""

    segment: Segment
    descriptor: int
    end: int
