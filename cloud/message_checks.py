"""What formats, frames and gaps must say. Pure functions that return what was understood, or reject."""

from collections.abc import Collection
from typing import Final

from cloud.greeting import INTEGER_MAX, CameraEpoch
from cloud.rejects import RejectedError, RejectReason
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.packet import FINGERPRINT_BYTES, SIDE_MAX, Packet, StreamFormat
from shared_models.bitstream.reader import read_live
from shared_models.errors import BitstreamError
from slimstream.v1.frame_pb2 import GAP_REASON_UNSPECIFIED, Gap, GapReason
from slimstream.v1.ingest_pb2 import ClockSample, FormatChange, FramePacket

_GAP_ID_BYTES: Final = 16
_CLOCK_ERROR_NS_MAX: Final = 100 * 365 * 86_400 * 10**9  # a device without a clock says 1970


def checked_format(
    change: FormatChange, accepted_models: Collection[bytes], formats_max: int, limits: Limits
) -> StreamFormat:
    """Return the format that is agreed on; raise RejectedError."""
    fmt = change.format
    if change.format_id >= formats_max:
        detail = f"format_id {change.format_id} is not below {formats_max}"
        raise RejectedError(RejectReason.FORMAT_INVALID, detail)
    is_sized = 1 <= fmt.frame_width <= SIDE_MAX and 1 <= fmt.frame_height <= SIDE_MAX
    if len(fmt.model_fingerprint) != FINGERPRINT_BYTES or not is_sized:
        detail = (
            f"a format has a fingerprint of {FINGERPRINT_BYTES} bytes and sides of 1 to {SIDE_MAX} pixels"
        )
        raise RejectedError(RejectReason.FORMAT_INVALID, detail)
    if fmt.model_fingerprint not in accepted_models:
        detail = f"model {fmt.model_fingerprint.hex()} was not accepted for camera {change.camera}"
        raise RejectedError(RejectReason.MODEL_NOT_ACCEPTED, detail)
    try:
        limits.check_pixels(fmt.frame_width, fmt.frame_height)
    except BitstreamError as error:
        raise RejectedError(RejectReason.of(error), str(error)) from None
    return StreamFormat(fmt.model_fingerprint, fmt.frame_width, fmt.frame_height)


def checked_packet(frame: FramePacket, fmt: StreamFormat, limits: Limits) -> Packet:
    """Return the base packet that a frame carries in live form; raise RejectedError."""
    try:
        packet = read_live(frame.packet, fmt, limits, frame.seq)
    except BitstreamError as error:
        raise RejectedError(RejectReason.of(error), str(error)) from None
    if not packet.kind.is_base:
        detail = f"a frame's packet is a base layer and this one is {packet.kind.name.lower()}"
        raise RejectedError(RejectReason.UNSUPPORTED, detail)
    return packet


def check_moment(frame: FramePacket) -> None:
    """Refuse numbers and times that no frame has; raise RejectedError."""
    if frame.seq > INTEGER_MAX or frame.time.capture_ns < 0 or frame.time.monotonic_ns < 0:
        detail = f"frame {frame.seq} has a seq beyond 2^63-1 or a time before 1970"
        raise RejectedError(RejectReason.FRAME_INVALID, detail)


def check_gap(gap: Gap, key: CameraEpoch) -> None:
    """Refuse a gap that cannot be; raise RejectedError."""
    if len(gap.gap_id) != _GAP_ID_BYTES:
        detail = f"a gap_id has {_GAP_ID_BYTES} bytes and this one {len(gap.gap_id)}"
    elif gap.epoch != key.epoch:
        detail = f"the gap is of epoch {gap.epoch} and camera {key.camera} greeted with {key.epoch}"
    elif gap.reason not in GapReason.values() or gap.reason == GAP_REASON_UNSPECIFIED:
        detail = f"gap reason {gap.reason} is not known"
    elif not 0 <= gap.start_ns <= gap.end_ns:
        detail = f"the gap starts at {gap.start_ns} and ends at {gap.end_ns}"
    elif gap.HasField("first_seq") != gap.HasField("last_seq"):
        detail = "a gap names both its first and its last seq, or neither"
    elif gap.HasField("first_seq") and not gap.first_seq <= gap.last_seq <= INTEGER_MAX:
        detail = f"the gap runs from seq {gap.first_seq} to {gap.last_seq}"
    elif gap.frames > INTEGER_MAX:
        detail = f"the gap stands for {gap.frames} frames"
    else:
        return
    raise RejectedError(RejectReason.GAP_INVALID, detail)


def check_clock(sample: ClockSample) -> None:
    """Refuse a clock offset that no two clocks have; raise RejectedError."""
    if abs(sample.offset_ns) > _CLOCK_ERROR_NS_MAX or sample.uncertainty_ns < 0:
        detail = f"a clock offset of {sample.offset_ns} ns ± {sample.uncertainty_ns} ns is not believed"
        raise RejectedError(RejectReason.CLOCK_INVALID, detail)
