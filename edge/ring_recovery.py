"""What an agent learns from the ring that an earlier one left: nothing found here stops a start."""

from dataclasses import dataclass, field
from typing import Final

import structlog

from edge.frame_table import FrameTable
from edge.gaps import Gap, GapReason, SeqSpan, new_gap_id
from edge.ring_records import (
    CameraState,
    RecordType,
    RingState,
    decode_gap,
    decode_key,
    decode_state,
)
from edge.seq_set import SeqSet
from runtime.clock import Clock
from runtime.segment_log.log import SegmentLog
from runtime.segment_log.record import RecordHeader, RecordId
from shared_models.errors import StorageError

RESERVED_SEQS: Final = 1024
"""Sequence numbers are reserved on stable storage in blocks: a power loss costs numbers, never reuses one."""

log = structlog.get_logger(part="edge.ring")


@dataclass(slots=True)
class RecoveredCamera:
    """One camera as the ring has it. `found_gaps` are what recovery itself must report."""

    name: str
    state: CameraState
    frames: FrameTable = field(default_factory=FrameTable)
    gaps: dict[bytes, tuple[int, Gap]] = field(default_factory=dict)
    """Gaps that the cloud has not acknowledged, by id, with their serial numbers."""
    next_serial: int = 0
    explained: SeqSet = field(default_factory=SeqSet)
    """Frames that need no sending: settled ones, and those that a gap names."""
    found_gaps: list[Gap] = field(default_factory=list)


@dataclass(slots=True)
class _Found:
    """Records of one camera's newest epoch."""

    epoch: int
    frames: FrameTable = field(default_factory=FrameTable)
    gaps: list[tuple[int, RecordId]] = field(default_factory=list)


def recover_cameras(segment_log: SegmentLog, cameras: list[str], clock: Clock) -> dict[str, RecoveredCamera]:
    """Return every camera of `cameras`, and every other that the ring still knows.

    Only the first are looked after from now on, and so have a gap for the time since they last were.
    """
    found, state_ids = _scan(segment_log)
    state = _newest_state(segment_log, state_ids)
    known = state.cameras if state else {}
    is_same_boot = state is not None and state.boot_id == clock.boot_id
    names = dict.fromkeys([*cameras, *known, *found])
    recovered = {}
    for name in names:
        camera = _recover_camera(
            segment_log, name, known.get(name), found.get(name), clock.wall_ns() // 10**9
        )
        last_seq = _last_seq(camera)
        camera.found_gaps.extend(_holes(camera, last_seq))
        skipped = _skipped(camera.state, last_seq, is_same_boot=is_same_boot)
        camera.state.next_seq = last_seq + 1 if skipped is None else skipped.last + 1
        if skipped is not None or (name in cameras and (name in known or name in found)):
            camera.found_gaps.append(_stopped_gap(camera, skipped, last_seq, clock.wall_ns()))
        recovered[name] = camera
    return recovered


def _scan(segment_log: SegmentLog) -> tuple[dict[str, _Found], list[RecordId]]:
    """Read the header of every record, and index what belongs to each camera's newest epoch."""
    found: dict[str, _Found] = {}
    state_ids: list[RecordId] = []
    for record_id, header in segment_log.headers():
        if header.record_type == RecordType.STATE:
            state_ids.append(record_id)
            continue
        try:
            _index(found, record_id, header)
        except StorageError as error:
            log.warning("ring_record_skipped", record=str(record_id), reason=str(error))
    return found, state_ids


def _index(found: dict[str, _Found], record_id: RecordId, header: RecordHeader) -> None:
    key = decode_key(header.key)
    camera = found.get(key.camera)
    if camera is None or camera.epoch < key.epoch:
        camera = found[key.camera] = _Found(key.epoch)
    if key.epoch < camera.epoch:
        return
    match header.record_type:
        case RecordType.BASE:
            camera.frames.put_base(key.number, key.time_ns, record_id)
        case RecordType.SOURCE | RecordType.ENHANCEMENT:
            camera.frames.put_kept(key.number, key.time_ns, record_id)
        case RecordType.GAP:
            camera.gaps.append((key.number, record_id))


def _newest_state(segment_log: SegmentLog, state_ids: list[RecordId]) -> RingState | None:
    for record_id in reversed(state_ids):
        try:
            return decode_state(segment_log.read(record_id).payload)
        except StorageError as error:
            log.warning("ring_state_skipped", record=str(record_id), reason=str(error))
    return None


def _recover_camera(
    segment_log: SegmentLog, name: str, state: CameraState | None, found: _Found | None, new_epoch: int
) -> RecoveredCamera:
    """Put one camera together; a ring that knows nothing of it gives it a new epoch."""
    if state is None and found is None:
        return RecoveredCamera(name, CameraState(new_epoch, -1, 0, 0))
    if state is None or (found is not None and found.epoch > state.epoch):
        assert found is not None, "a camera is known from its state or from its records"
        state = _guessed_state(found)
    elif found is not None and found.epoch < state.epoch:
        found = None
    camera = RecoveredCamera(name, state, frames=found.frames if found else FrameTable())
    camera.explained = SeqSet(state.settled.spans())
    _read_gaps(segment_log, camera, found.gaps if found else [])
    return camera


def _guessed_state(found: _Found) -> CameraState:
    """Make do without a state: what lies before the oldest frame held was sent, or is past helping."""
    span = found.frames.span()
    last = -1 if span is None else span.last
    settled = SeqSet() if span is None or span.first == 0 else SeqSet([SeqSpan(0, span.first - 1)])
    return CameraState(found.epoch, last + 2 * RESERVED_SEQS, last + 1, 0, settled)


def _read_gaps(segment_log: SegmentLog, camera: RecoveredCamera, gaps: list[tuple[int, RecordId]]) -> None:
    for serial, record_id in gaps:
        camera.next_serial = max(camera.next_serial, serial + 1)
        try:
            gap = decode_gap(segment_log.read(record_id).payload)
        except StorageError as error:
            log.warning("ring_gap_skipped", record=str(record_id), reason=str(error))
            continue
        if gap.seqs is not None:
            camera.explained.add(gap.seqs)
        if serial not in camera.state.settled_gaps:
            camera.gaps[gap.gap_id] = (serial, gap)
    last_settled = camera.state.settled_gaps.last
    if last_settled is not None:
        camera.next_serial = max(camera.next_serial, last_settled + 1)


def _last_seq(camera: RecoveredCamera) -> int:
    """Return the highest seq that was certainly given out; -1 for none."""
    span = camera.frames.span()
    explained = camera.explained.last
    return max(
        camera.state.next_seq - 1, -1 if span is None else span.last, -1 if explained is None else explained
    )


def _holes(camera: RecoveredCamera, last_seq: int) -> list[Gap]:
    """Name the frames that are neither held nor explained: evicted, or damaged, before that was recorded."""
    if last_seq < 0:
        return []
    accounted = SeqSet(camera.explained.spans())
    for row in camera.frames.rows():
        if row.base is not None:
            accounted.add(SeqSpan(row.seq, row.seq))
    gaps = []
    for span in accounted.missing(SeqSpan(0, last_seq)):
        start_ns = camera.frames.time_before(span.first) or camera.state.alive_ns
        end_ns = camera.frames.time_after(span.last) or start_ns
        gaps.append(
            Gap(
                camera.name,
                camera.state.epoch,
                start_ns,
                max(start_ns, end_ns),
                GapReason.EVICTED,
                span,
                span.last - span.first + 1,
                new_gap_id(),
            )
        )
    return gaps


def _skipped(state: CameraState, last_seq: int, *, is_same_boot: bool) -> SeqSpan | None:
    """Return the numbers that a loss of power may have used up without a trace.

    Within one boot everything that was appended is still there, so the last number held is the last used.
    """
    if is_same_boot or last_seq >= state.reserved_through:
        return None
    return SeqSpan(last_seq + 1, state.reserved_through)


def _stopped_gap(camera: RecoveredCamera, skipped: SeqSpan | None, last_seq: int, now_ns: int) -> Gap:
    """Explain the time since the camera was last looked after, and the numbers skipped."""
    start_ns = max(camera.state.alive_ns, camera.frames.time_before(last_seq + 1) or 0)
    return Gap(
        camera.name,
        camera.state.epoch,
        start_ns,
        max(start_ns, now_ns),
        GapReason.AGENT_STOPPED,
        skipped,
        0,
        new_gap_id(),
    )
