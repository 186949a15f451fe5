"""The ring on disk: what was coded and not yet acknowledged, what pulls may ask for, and what is missing.

    append_frame ─► page cache (survives the agent) ─► group commit (survives power) ─► settle ─► evicted
                       │
                       └─► events: frames and gaps for the uplink, which may be far behind or not there

Every seq of a camera is, at any time, held here or explained by a gap: that is what makes a restart honest.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeAlias

import structlog

from edge.gaps import Gap, SeqSpan
from edge.ring_records import (
    KeptFrame,
    RecordKey,
    RecordType,
    RingState,
    decode_frame,
    decode_key,
    encode_frame,
    encode_gap,
    encode_state,
)
from edge.ring_recovery import RESERVED_SEQS, RecoveredCamera, recover_cameras
from edge.ring_retention import evicted_gaps, needless_segments
from edge.seq_set import SeqSet
from edge.wish import Wish
from runtime.clock import Clock
from runtime.segment_log.eviction import EvictedRecord
from runtime.segment_log.log import SegmentLog
from runtime.segment_log.options import SegmentLogOptions
from runtime.segment_log.record import RecordId
from runtime.segment_log.stats import SegmentLogStats
from shared_models.errors import NotHeldError, StorageError
from shared_models.frames import FrameId

ALIVE_NS: Final = 30 * 10**9
"""How exactly the ring knows when an agent died that had nothing to write."""

log = structlog.get_logger(part="edge.ring")


@dataclass(frozen=True, slots=True)
class FrameKept:
    """A new frame is in the ring."""

    frame: KeptFrame


@dataclass(frozen=True, slots=True)
class GapKept:
    """A new gap is in the ring; frames that it names are not to be sent."""

    gap: Gap


RingEvent: TypeAlias = FrameKept | GapKept


@dataclass(frozen=True, slots=True)
class Unsent:
    """What a camera has that the cloud has not acknowledged."""

    epoch: int
    seqs: SeqSet
    gaps: tuple[Gap, ...]


class Ring:
    """Retention for all cameras of an agent, over one segment log. Thread-safe."""

    def __init__(self, segment_log: SegmentLog, cameras: Sequence[str], clock: Clock) -> None:
        """Recover what `segment_log` holds; use `open` instead."""
        self._log = segment_log
        self._clock = clock
        self._lock = threading.RLock()
        self._on_event: Callable[[RingEvent], None] = lambda _event: None
        self._cameras = recover_cameras(segment_log, list(cameras), clock)
        self._configured = frozenset(cameras)
        self._evicted: list[EvictedRecord] = []
        self._is_state_dirty = False
        self._state_written_ns = 0
        self.write_errors = 0

    @classmethod
    def open(cls, directory: Path, options: SegmentLogOptions, cameras: Sequence[str], clock: Clock) -> Self:
        """Open the ring in `directory`, for `cameras` and whatever else it holds.

        Raises:
            StorageError: the directory cannot be used, or another agent uses it.
        """
        evicted: list[EvictedRecord] = []
        segment_log = SegmentLog.open(directory, options, on_evicted=evicted.extend)
        ring = cls(segment_log, cameras, clock)
        ring._evicted = evicted
        for camera in list(ring._cameras.values()):
            for gap in camera.found_gaps:
                ring.append_gap(gap)
        for name in cameras:
            ring._reserve(ring._cameras[name])
        return ring

    def subscribe(self, on_event: Callable[[RingEvent], None]) -> None:
        """Have `on_event` called for every frame and gap from now on, in the thread that appends it."""
        self._on_event = on_event

    # What is in it

    @property
    def cameras(self) -> tuple[str, ...]:
        """Every camera that is configured, and every other that still owes the cloud something."""
        with self._lock:
            return tuple(name for name in self._cameras if name in self._configured or self._owes(name))

    def unsent(self, camera: str) -> Unsent:
        """Return what the cloud has not acknowledged."""
        with self._lock:
            entry = self._cameras[camera]
            seqs = SeqSet()
            for row in entry.frames.rows():
                if row.base is not None and row.seq not in entry.explained:
                    seqs.add(SeqSpan(row.seq, row.seq))
            return Unsent(entry.state.epoch, seqs, tuple(gap for _, gap in entry.gaps.values()))

    def _owes(self, camera: str) -> bool:
        unsent = self.unsent(camera)
        return bool(unsent.seqs or unsent.gaps)

    def epoch(self, camera: str) -> int:
        """Return the camera's epoch."""
        return self._cameras[camera].state.epoch

    def held(self, camera: str) -> SeqSpan | None:
        """Return the oldest and newest seq of which something is held."""
        with self._lock:
            return self._cameras[camera].frames.span()

    def read_frame(self, camera: str, seq: int) -> KeptFrame:
        """Return the base packet of a frame and what belongs to it; raise NotHeldError or StorageError."""
        with self._lock:
            row = self._cameras[camera].frames.find(seq)
        if row is None or row.base is None:
            raise NotHeldError(f"the frame {camera}/{seq} is not in the ring")
        record = self._log.read(row.base)
        return decode_frame(record.key, record.payload)

    def read_kept(self, frame_id: FrameId) -> tuple[KeptFrame, RecordType, bytes]:
        """Return a frame and its source (JPEG) or enhancement (packet); NotHeldError or StorageError."""
        with self._lock:
            camera = self._cameras.get(frame_id.camera)
            is_this_epoch = camera is not None and camera.state.epoch == frame_id.epoch
            row = camera.frames.find(frame_id.seq) if camera is not None and is_this_epoch else None
        if row is None or row.base is None or row.kept is None:
            raise NotHeldError(f"the frame {frame_id} is not, or no longer, in the ring")
        base, kept = self._log.read(row.base), self._log.read(row.kept)
        return decode_frame(base.key, base.payload), RecordType(kept.record_type), kept.payload

    def nearest(self, frame_id: FrameId, count: int) -> list[FrameId]:
        """Return the frames nearest to `frame_id` that a pull could be answered for, nearest first."""
        with self._lock:
            camera = self._cameras.get(frame_id.camera)
            if camera is None:
                return []
            rows = camera.frames.nearest(frame_id.seq, count)
            return [FrameId(frame_id.camera, camera.state.epoch, row.seq) for row in rows]

    def wish(self, camera: str) -> Wish:
        """Return what the cloud asked of a camera."""
        with self._lock:
            return self._cameras[camera].state.wish

    @property
    def stats(self) -> SegmentLogStats:
        """Sizes and counts of the segment log."""
        return self._log.stats

    # What goes in

    def next_seq(self, camera: str) -> int:
        """Give out the next sequence number; it is never given out again, whatever happens."""
        with self._lock:
            entry = self._cameras[camera]
            seq = entry.state.next_seq
            entry.state.next_seq += 1
            if seq > entry.state.reserved_through:
                self._reserve(entry)
            return seq

    def append_frame(self, frame: KeptFrame, kept: tuple[RecordType, bytes] | None) -> None:
        """Keep a coded frame and, where space allows, what a pull would need.

        Raises:
            StorageError: not even the packet could be kept; nothing was announced.
        """
        key, payload = encode_frame(frame)
        with self._lock:
            frames = self._cameras[frame.camera].frames
            record_id = self._append(RecordType.BASE, payload, key)
            frames.put_base(frame.seq, frame.time.capture_ns, record_id)
            if kept is not None:
                try:
                    kept_id = self._append(kept[0], kept[1], key)
                    frames.put_kept(frame.seq, frame.time.capture_ns, kept_id)
                except StorageError as error:
                    self._count_error("source_not_kept", error)
        self._on_event(FrameKept(frame))
        self._explain_evicted()

    def append_gap(self, gap: Gap) -> None:
        """Keep a gap; one that the disk refuses is still reported while this agent lives."""
        with self._lock:
            entry = self._cameras[gap.camera]
            serial, entry.next_serial = entry.next_serial, entry.next_serial + 1
            entry.gaps[gap.gap_id] = (serial, gap)
            if gap.seqs is not None:
                entry.explained.add(gap.seqs)
            key, payload = encode_gap(gap, serial)
            try:
                self._append(RecordType.GAP, payload, key)
            except StorageError as error:
                self._count_error("gap_not_kept", error)
        self._on_event(GapKept(gap))

    def settle(self, camera: str, spans: Iterable[SeqSpan], gap_ids: Iterable[bytes] = ()) -> None:
        """Remember that the cloud has these frames and gaps on stable storage."""
        with self._lock:
            entry = self._cameras[camera]
            for span in spans:
                entry.state.settled.add(span)
                entry.explained.add(span)
            for gap_id in gap_ids:
                found = entry.gaps.pop(gap_id, None)
                if found is None:
                    continue
                serial, gap = found
                entry.state.settled_gaps.add(SeqSpan(serial, serial))
                if gap.seqs is not None:
                    entry.state.settled.add(gap.seqs)
            self._is_state_dirty = True

    def keep_wish(self, camera: str, wish: Wish) -> None:
        """Put what the cloud asks of a camera on stable storage; raise StorageError if that fails."""
        with self._lock:
            state = self._cameras[camera].state
            older, state.wish = state.wish, wish
            try:
                self._write_state()
                self._log.sync()
            except StorageError:
                state.wish = older
                raise

    # Housekeeping

    def checkpoint(self) -> None:
        """Write down what is settled, give up segments that nobody can want. Call it every few seconds."""
        with self._lock:
            is_stale = self._clock.monotonic_ns() - self._state_written_ns > ALIVE_NS
            try:
                if self._is_state_dirty or is_stale:
                    self._write_state()
                for number in needless_segments(self._log.segments(), self._cameras.values()):
                    self._log.evict_segment(number)
            except StorageError as error:
                self._count_error("state_not_kept", error)
        self._explain_evicted()

    def close(self) -> None:
        """Write the state, sync, and close; raise StorageError if the last sync fails."""
        with self._lock:
            for camera in self._cameras.values():
                camera.state.reserved_through = camera.state.next_seq - 1
            try:
                self._write_state()
            except StorageError as error:
                self._count_error("state_not_kept", error)
            self._log.close()

    def _append(self, record_type: RecordType, payload: bytes, key: bytes = b"") -> RecordId:
        return self._log.append(record_type, payload, importance=record_type.importance, key=key)

    def _reserve(self, camera: RecoveredCamera) -> None:
        """Put a new block of sequence numbers on stable storage before the first of them is used."""
        camera.state.reserved_through = camera.state.next_seq + RESERVED_SEQS
        try:
            self._write_state()
            self._log.sync()
        except StorageError as error:
            self._count_error("seqs_not_reserved", error)

    def _write_state(self) -> None:
        now_ns = self._clock.wall_ns()
        states = {}
        for name, camera in self._cameras.items():
            if name in self._configured:
                camera.state.alive_ns = now_ns
            if name in self._configured or camera.gaps or camera.frames.span() is not None:
                states[name] = camera.state
        state = RingState(self._clock.boot_id, states)
        self._append(RecordType.STATE, encode_state(state))
        self._state_written_ns = self._clock.monotonic_ns()
        self._is_state_dirty = False

    def _explain_evicted(self) -> None:
        """Forget what the log gave up, and record a gap for each frame that was not acknowledged."""
        with self._lock:
            evicted, self._evicted[:] = list(self._evicted), []
            lost: dict[str, list[RecordKey]] = defaultdict(list)
            for record in evicted:
                if record.record_type in (RecordType.GAP, RecordType.STATE):
                    continue
                key = decode_key(record.key)
                camera = self._cameras.get(key.camera)
                if camera is None or camera.state.epoch != key.epoch:
                    continue
                if record.record_type != RecordType.BASE:
                    camera.frames.drop_kept(key.number)
                    continue
                camera.frames.drop_base(key.number)
                if key.number not in camera.explained:
                    lost[key.camera].append(key)
        for keys in lost.values():
            for gap in evicted_gaps(keys):
                self.append_gap(gap)

    def _count_error(self, event: str, error: StorageError) -> None:
        self.write_errors += 1
        log.warning(event, reason=str(error))
