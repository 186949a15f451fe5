"""Between the agent's values and the protocol's messages."""

from edge.gaps import Gap, GapReason, SeqSpan
from shared_models.frames import CaptureTime
from slimstream.v1 import frame_pb2


def gap_message(gap: Gap) -> frame_pb2.Gap:
    """Write a gap as the protocol has it."""
    message = frame_pb2.Gap(
        camera=gap.camera,
        epoch=gap.epoch,
        start_ns=gap.start_ns,
        end_ns=gap.end_ns,
        reason=frame_pb2.GapReason.ValueType(gap.reason.value),
        frames=gap.frames,
        gap_id=gap.gap_id,
    )
    if gap.seqs is not None:
        message.first_seq, message.last_seq = gap.seqs.first, gap.seqs.last
    return message


def gap_from_message(message: frame_pb2.Gap) -> Gap:
    """Read a gap back; raise ValueError for a reason nobody knows."""
    has_seqs = message.HasField("first_seq") and message.HasField("last_seq")
    return Gap(
        camera=message.camera,
        epoch=message.epoch,
        start_ns=message.start_ns,
        end_ns=message.end_ns,
        reason=GapReason(message.reason),
        seqs=SeqSpan(message.first_seq, message.last_seq) if has_seqs else None,
        frames=message.frames,
        gap_id=message.gap_id,
    )


def time_message(time: CaptureTime) -> frame_pb2.CaptureTime:
    """Write a moment; the boot id is said once, in Hello."""
    return frame_pb2.CaptureTime(capture_ns=time.capture_ns, monotonic_ns=time.monotonic_ns)
