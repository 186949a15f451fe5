"""Which segments are too old to keep. A pure function of what the log holds."""

from collections.abc import Iterable

from runtime.segment_log.stats import SegmentInfo


def expired_segments(segments: Iterable[SegmentInfo], now_ns: int, age_ns: int) -> list[int]:
    """Return the segments whose newest record is older than `age_ns`, oldest first.

    A segment's records end where the next one of its importance begins, so the newest of each importance
    always stays: the highest cursor is never forgotten.
    """
    newest: dict[int, SegmentInfo] = {}
    expired: list[int] = []
    for segment in sorted(segments, key=lambda segment: segment.number):
        before = newest.get(segment.importance)
        if before is not None and segment.created_ns < now_ns - age_ns:
            expired.append(before.number)
        newest[segment.importance] = segment
    return sorted(expired)
