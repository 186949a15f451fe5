"""What a segment log says about itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """One segment as an owner sees it; `created_ns` is Unix time."""

    number: int
    importance: int
    size_bytes: int
    records: int
    created_ns: int


@dataclass(frozen=True, slots=True)
class SegmentLogStats:
    """Sizes now, and counts since the log was opened.

    Attributes:
        segments: files held.
        size_bytes: bytes of all segments.
        records: records held, damaged ones excluded as far as they have been met.
        unsynced_bytes: appended and not yet on stable storage.
        damaged: damaged records or spans that were met and skipped.
        truncated_bytes: torn tails cut off at the start.
        evicted_records: records given up for the budget or a full disk, or by `evict_segment`.
        evicted_segments: segments of those.
        sync_errors: syncs that failed.
        disk_full: writes that found the disk full.
    """

    segments: int
    size_bytes: int
    records: int
    unsynced_bytes: int
    damaged: int
    truncated_bytes: int
    evicted_records: int
    evicted_segments: int
    sync_errors: int
    disk_full: int
