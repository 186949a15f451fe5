"""The segments that a log holds: which take data, how many bytes they are, which goes first."""

import contextlib
import errno
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from runtime.segment_log.eviction import EvictedRecord, choose_victim
from runtime.segment_log.options import SegmentLogOptions
from runtime.segment_log.record import SEAL_BYTES, Record, RecordId
from runtime.segment_log.recovery import Recovered
from runtime.segment_log.scan import ScannedRecord
from runtime.segment_log.segment import Segment
from runtime.segment_log.segment_header import SEGMENT_HEADER_BYTES
from shared_models.errors import StorageError

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(slots=True)
class Counts:
    """What has happened since the log was opened; see SegmentLogStats."""

    damaged: int = 0
    truncated_bytes: int = 0
    evicted_records: int = 0
    evicted_segments: int = 0
    sync_errors: int = 0
    disk_full: int = 0


class SegmentSet:
    """The books of a log. Not thread-safe: the log's lock guards every call.

    Attributes:
        held: every segment by number.
        unsynced: those with data that is not on stable storage.
        evicted: records given up and not yet reported to the owner; None if it does not want to know.
        is_directory_dirty: names have changed since the directory was synced.
        appended: records appended since the log was opened.
        durable_through: how many of those, from the first, are on stable storage or evicted.
    """

    def __init__(
        self, directory: Path, options: SegmentLogOptions, recovered: Recovered, *, reports_evicted: bool
    ) -> None:
        """Take over what recovery found."""
        self.held = {segment.number: segment for segment in recovered.segments}
        self.unsynced = {segment.number: segment for segment in recovered.segments if segment.is_failed}
        self.evicted: list[EvictedRecord] | None = [] if reports_evicted else None
        self.is_directory_dirty = True
        self.counts = Counts(recovered.damaged, recovered.truncated_bytes)
        self.appended = 0
        self.durable_through = 0
        self._directory = directory
        self._options = options
        self._active: dict[int, Segment] = {}
        self._next_number = recovered.next_number
        self._retired_bytes = sum(segment.size for segment in recovered.segments)
        self._retired_records = sum(segment.records for segment in recovered.segments)

    @property
    def size_bytes(self) -> int:
        """Bytes of every segment."""
        return self._retired_bytes + sum(segment.size for segment in self._active.values())

    @property
    def records(self) -> int:
        """Records of every segment."""
        return self._retired_records + sum(segment.records for segment in self._active.values())

    @property
    def unsynced_bytes(self) -> int:
        """Bytes that are not on stable storage."""
        return sum(segment.unsynced_bytes for segment in self.unsynced.values())

    def append(self, record: Record, size: int) -> RecordId:
        """Write `record` of `size` bytes into the active segment of its importance, evicting as needed.

        Raises:
            StorageError: the disk is full and nothing can be evicted, or it fails.
        """
        while True:
            segment = self._active.get(record.importance)
            try:
                if segment is None or segment.size + size + SEAL_BYTES > self._options.segment_bytes:
                    segment = self._begin_segment(record.importance, size)
                else:
                    self._keep_budget(segment, size)
                record_id = segment.append(record)
            except OSError as error:
                self._answer_write_error(error, segment)
                continue
            self.unsynced[segment.number] = segment
            self.appended += 1
            return record_id

    def retire(self, segment: Segment) -> None:
        """Let `segment` take no more data; it is sealed once it is durable."""
        if self._active.get(segment.importance) is segment:
            del self._active[segment.importance]
            self.unsynced[segment.number] = segment  # so that the next sync seals it
            self._retired_bytes += segment.size
            self._retired_records += segment.records

    def retire_all(self) -> None:
        """Let no segment take more data."""
        for segment in list(self._active.values()):
            self.retire(segment)

    def fail(self, segment: Segment) -> None:
        """Take note that a sync of `segment` failed: what is not durable must be written anew."""
        segment.is_failed = True
        self.retire(segment)

    def mend(self, segment: Segment) -> None:
        """Take note that a failed segment has been written anew, without what followed its records."""
        self._retired_bytes -= segment.size - segment.data_end
        segment.size = segment.data_end
        segment.is_failed = False
        self.unsynced[segment.number] = segment

    def settle(self, segment: Segment, end: int) -> None:
        """Take note that `segment` is on stable storage up to `end`; seal it if it is complete."""
        if self.held.get(segment.number) is not segment:
            return  # evicted while it was being synced
        segment.mark_durable(end)
        if not segment.is_durable:
            return
        self.unsynced.pop(segment.number, None)
        if self._active.get(segment.importance) is not segment and segment.is_open:
            before = segment.size
            segment.seal()
            self._retired_bytes += segment.size - before

    def evict(self, segment: Segment) -> None:
        """Give up `segment` and every record in it; raise OSError if the disk does not let go."""
        self.retire(segment)
        evicted = [] if self.evicted is None else _records_of(segment)
        records, before = segment.records, segment.size
        segment.empty()
        self.unsynced.pop(segment.number, None)
        self.is_directory_dirty = True
        self._retired_bytes -= before - segment.size
        self._retired_records -= records
        self.counts.evicted_records += records
        self.counts.evicted_segments += 1
        if self.evicted is not None:
            self.evicted += evicted
        # The highest number stays as an empty file, so that a restart cannot give its ids again.
        if segment.number != self._next_number - 1:
            self._remove(segment)

    def _remove(self, segment: Segment) -> None:
        """Delete an empty segment; if the disk does not let go it stays a tombstone until the next start."""
        with contextlib.suppress(OSError):
            segment.remove()
            del self.held[segment.number]
            self._retired_bytes -= segment.size

    def _begin_segment(self, importance: int, size: int) -> Segment:
        if (full := self._active.get(importance)) is not None:
            self.retire(full)
        self._keep_budget(None, size + SEGMENT_HEADER_BYTES)
        segment = Segment.create(
            self._directory, self._next_number, importance, time.time_ns(), self._options.filesystem
        )
        self._next_number += 1
        self.held[segment.number] = self.unsynced[segment.number] = self._active[importance] = segment
        self.is_directory_dirty = True
        return segment

    def _keep_budget(self, target: Segment | None, size: int) -> None:
        """Evict until `size` more bytes, and a seal each, fit the budget or nothing more can go."""
        if self._options.budget_bytes is None:
            return
        room = self._options.budget_bytes - size - SEAL_BYTES * (len(self._active) + 1)
        while self.size_bytes > room:
            victim = choose_victim(self.held.values(), target)
            if victim is None:
                return
            self.evict(victim)

    def make_room(self, error: OSError, kept: Segment | None) -> bool:
        """Evict a segment if `error` says that the disk is full; False if it does not, or none can go."""
        if error.errno not in _FULL:
            return False
        self.counts.disk_full += 1
        return self._evict_one(kept)

    def _evict_one(self, kept: Segment | None) -> bool:
        victim = choose_victim(self.held.values(), kept)
        if victim is None:
            return False
        try:
            self.evict(victim)
        except OSError:
            return False
        return True

    def _answer_write_error(self, error: OSError, segment: Segment | None) -> None:
        """Make room on a full disk; raise StorageError for anything else, or when no room can be made."""
        if self.make_room(error, kept=segment):
            return
        if error.errno in _FULL:
            # The segment being written goes last: the newest data is kept for as long as there is other.
            if self._evict_one(kept=None):
                return
            raise StorageError(
                f"the disk of {self._directory} is full and no segment is left to evict; free some space"
            ) from error
        if segment is not None:
            self.retire(segment)  # the next append tries a fresh file
        raise StorageError(f"cannot write the segment log in {self._directory}: {error.strerror}") from error


def _records_of(segment: Segment) -> list[EvictedRecord]:
    return [
        EvictedRecord(
            RecordId(segment.number, found.offset),
            found.header.record_type,
            found.header.importance,
            found.header.key,
        )
        for found in segment.scan(with_payloads=False)
        if isinstance(found, ScannedRecord)
    ]
