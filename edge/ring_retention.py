"""What the ring no longer needs to keep, and what it says of what it could not keep. No I/O."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from edge.gaps import Gap, GapReason, SeqSpan, new_gap_id
from edge.ring_records import RecordKey, RecordType
from edge.ring_recovery import RecoveredCamera
from edge.seq_set import SeqSet
from runtime.segment_log.stats import SegmentInfo


def needless_segments(segments: Sequence[SegmentInfo], cameras: Collection[RecoveredCamera]) -> list[int]:
    """Return the segments, oldest first, that nobody can want any more; never the newest of a kind.

    These are superseded states, acknowledged gaps, and acknowledged packets whose source is gone. Sources
    stay until space runs out: somebody may ask for them.
    """
    by_importance: dict[int, list[int]] = defaultdict(list)
    for segment in segments:
        by_importance[segment.importance].append(segment.number)
    needless = by_importance[RecordType.STATE.importance][:-2]
    for number in by_importance[RecordType.BASE.importance][:-1]:
        if any(_needs_packets_of(camera, number) for camera in cameras):
            break
        needless.append(number)
    if not any(camera.gaps for camera in cameras):
        needless += by_importance[RecordType.GAP.importance][:-1]
    return needless


def evicted_gaps(keys: Sequence[RecordKey]) -> list[Gap]:
    """Return one gap for each run of consecutive frames in `keys`, all of one camera and epoch."""
    times = {key.number: key.time_ns for key in keys}
    spans = SeqSet(SeqSpan(seq, seq) for seq in times).spans()
    return [
        Gap(
            keys[0].camera,
            keys[0].epoch,
            times[span.first],
            max(times[span.first], times[span.last]),
            GapReason.EVICTED,
            span,
            span.last - span.first + 1,
            new_gap_id(),
        )
        for span in spans
    ]


def _needs_packets_of(camera: RecoveredCamera, segment: int) -> bool:
    """Say whether a frame in this segment is unacknowledged or could be pulled; older ones are needless."""
    for row in camera.frames.rows():
        if row.base is None or row.base.segment < segment:
            continue
        if row.base.segment > segment:
            return False
        if row.kept is not None or row.seq not in camera.state.settled:
            return True
    return False
