"""What goes first when the log must give bytes back: the least important, then the oldest."""

from collections.abc import Iterable
from dataclasses import dataclass

from runtime.segment_log.record import RecordId
from runtime.segment_log.segment import Segment


@dataclass(frozen=True, slots=True)
class EvictedRecord:
    """A record that the log has given up, so that its owner can say what is missing."""

    record_id: RecordId
    record_type: int
    importance: int
    key: bytes


def choose_victim(segments: Iterable[Segment], kept: Segment | None) -> Segment | None:
    """Return the segment to evict: least important, then oldest; never `kept` nor one that is being read."""
    candidates = (s for s in segments if s is not kept and s.pins == 0 and not s.is_tombstone)
    return min(candidates, key=lambda s: (s.importance, s.number), default=None)
