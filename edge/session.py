"""What the agent sends next, and what it still owes: gaps, live frames, backlog, credits, acks. Sans-I/O.

    frame_kept ─► live ──(sent)──► in flight ──(acknowledged)──► settled
                   │ overflow            │
                   │  all: ▼             ▼ disconnected
                   └────► backlog ◄──────┘
                     newest: dropped, and the caller records a gap

One session lives as long as the agent; connections come and go within it.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from edge.gaps import Gap, SeqSpan
from edge.seq_set import SeqSet

GAPS_IN_FLIGHT_MAX: Final = 64
LIVE_FRAMES_MAX: Final = 8
"""Frames that count as live while credit is short; about a second of video. Older ones are backlog."""


class BufferPolicy(StrEnum):
    """What happens to frames that the link cannot take."""

    ALL = "all"
    """Keep up to the ring's size and catch up, live frames first, backlog second."""
    NEWEST = "newest"
    """Stay live: drop the oldest."""


@dataclass(frozen=True, slots=True)
class FrameRef:
    """A frame to send; its bytes are the caller's business."""

    camera_index: int
    seq: int
    is_backlog: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """What the cloud has on stable storage now."""

    camera: str
    spans: tuple[SeqSpan, ...]
    gap_ids: tuple[bytes, ...]
    frames: int
    """How many frames it settles that were not settled before."""


Item: TypeAlias = FrameRef | Gap


@dataclass(slots=True)
class _Camera:
    """One camera's frames, by where they stand. The three sets are disjoint."""

    name: str
    epoch: int
    policy: BufferPolicy
    newest: int = -1
    live: deque[int] = field(default_factory=deque)
    backlog: SeqSet = field(default_factory=SeqSet)
    in_flight: SeqSet = field(default_factory=SeqSet)
    is_refused: bool = False

    @property
    def unacknowledged(self) -> int:
        return len(self.live) + len(self.backlog) + len(self.in_flight)

    def forget(self, span: SeqSpan) -> None:
        self.live = deque(seq for seq in self.live if not span.first <= seq <= span.last)
        self.backlog.remove(span)
        self.in_flight.remove(span)


class UplinkSession:
    """The sending half of an agent, for all its cameras."""

    def __init__(self, live_frames_max: int = LIVE_FRAMES_MAX) -> None:
        """Start with no camera and no connection."""
        self.live_frames_max = live_frames_max
        self._cameras: list[_Camera] = []
        self._indices: dict[str, int] = {}
        self._gaps: dict[bytes, Gap] = {}
        self._gaps_in_flight: set[bytes] = set()
        self._turn = 0
        self.is_connected = False
        self.credit_bytes = 0
        self.credit_frames = 0

    def add_camera(
        self, name: str, epoch: int, policy: BufferPolicy, seqs: SeqSet, gaps: Iterable[Gap]
    ) -> int:
        """Add a camera with what an earlier agent left unsent; return its index in Hello."""
        newest = seqs.last
        camera = _Camera(name, epoch, policy, newest=-1 if newest is None else newest, backlog=seqs)
        self._cameras.append(camera)
        self._indices[name] = len(self._cameras) - 1
        self._gaps.update((gap.gap_id, gap) for gap in gaps)
        return self._indices[name]

    @property
    def unsent_frames(self) -> int:
        """Frames that no message has carried since the link came up."""
        return sum(len(camera.live) + len(camera.backlog) for camera in self._cameras)

    @property
    def unacknowledged_frames(self) -> int:
        """Frames that the cloud has not said to have stored."""
        return sum(camera.unacknowledged for camera in self._cameras)

    @property
    def is_idle(self) -> bool:
        """Whether everything, gaps too, is acknowledged."""
        return not self._gaps and self.unacknowledged_frames == 0

    def name_of(self, camera_index: int) -> str | None:
        """Return the name of a camera by its index in Hello, None for an index that was never given."""
        return self._cameras[camera_index].name if 0 <= camera_index < len(self._cameras) else None

    # What the ring says

    def frame_kept(self, name: str, seq: int) -> list[int]:
        """Take a new frame; return the older ones that the policy drops for it, for the caller to explain."""
        camera = self._cameras[self._indices[name]]
        camera.newest = max(camera.newest, seq)
        camera.live.append(seq)
        dropped = []
        while len(camera.live) > self.live_frames_max:
            oldest = camera.live.popleft()
            if camera.policy is BufferPolicy.NEWEST:
                dropped.append(oldest)
            else:
                camera.backlog.add(SeqSpan(oldest, oldest))
        return dropped

    def gap_kept(self, gap: Gap) -> None:
        """Take a gap to report; frames that it names are not sent any more."""
        self._gaps[gap.gap_id] = gap
        camera = self._cameras[self._indices[gap.camera]]
        if gap.seqs is not None and gap.epoch == camera.epoch:
            camera.newest = max(camera.newest, gap.seqs.last)
            camera.forget(gap.seqs)

    def frame_lost(self, name: str, seq: int) -> None:
        """Forget a frame that cannot be sent; the caller explains it with a gap."""
        self._cameras[self._indices[name]].forget(SeqSpan(seq, seq))

    # What the link says

    def connected(self) -> None:
        """Begin a connection: no credit yet, and nothing in flight."""
        self.disconnected()
        self.is_connected = True

    def disconnected(self) -> None:
        """End a connection: what was not acknowledged will be sent again, as backlog."""
        self.is_connected = False
        self.credit_bytes = self.credit_frames = 0
        self._gaps_in_flight.clear()
        for camera in self._cameras:
            for span in camera.in_flight.spans():
                camera.backlog.add(span)
            camera.in_flight = SeqSet()
            camera.is_refused = False

    def refuse(self, camera_index: int) -> None:
        """Send nothing of this camera while the connection lasts: the gateway does not take it.

        An index that was never given is passed over: what a gateway says must not end an agent.
        """
        if 0 <= camera_index < len(self._cameras):
            self._cameras[camera_index].is_refused = True

    def credited(self, size_bytes: int, frames: int) -> None:
        """Add to the leave to send."""
        self.credit_bytes += size_bytes
        self.credit_frames += frames

    def acknowledged(
        self,
        camera_index: int,
        epoch: int | None,
        through_seq: int | None,
        spans: Sequence[SeqSpan],
        gap_ids: Sequence[bytes],
    ) -> Settled | None:
        """Take an acknowledgement; return what it settles, or None if it is about no camera or epoch of ours.

        `epoch` is None for what Welcome says, which is about the epoch that Hello named. Frames that were
        never taken are not settled, whatever the gateway says of them.
        """
        if not 0 <= camera_index < len(self._cameras):
            return None
        camera = self._cameras[camera_index]
        if epoch is not None and epoch != camera.epoch:
            return None
        before = camera.unacknowledged
        named = [*spans] if through_seq is None else [SeqSpan(0, through_seq), *spans]
        settled = tuple(
            SeqSpan(span.first, min(span.last, camera.newest))
            for span in named
            if span.first <= min(span.last, camera.newest)
        )
        for span in settled:
            camera.forget(span)
        known_gaps = tuple(gap_id for gap_id in gap_ids if self._gaps.pop(gap_id, None) is not None)
        self._gaps_in_flight.difference_update(known_gaps)
        return Settled(camera.name, settled, known_gaps, before - camera.unacknowledged)

    # What to send

    def next_item(self) -> Item | None:
        """Return what should be sent next, not yet counted as sent; None if there is nothing, or no leave.

        Gaps are few, small and free of credit; then come live frames, oldest first, camera by camera; backlog
        goes out only when no live frame waits.
        """
        if not self.is_connected:
            return None
        if len(self._gaps_in_flight) < GAPS_IN_FLIGHT_MAX:
            for gap_id, gap in self._gaps.items():
                if gap_id not in self._gaps_in_flight:
                    return gap
        if self.credit_frames < 1:
            return None
        turns = [(self._turn + step) % len(self._cameras) for step in range(len(self._cameras))]
        order = [index for index in turns if not self._cameras[index].is_refused]
        for index in order:
            if self._cameras[index].live:
                return FrameRef(index, self._cameras[index].live[0], is_backlog=False)
        for index in order:
            oldest = self._cameras[index].backlog.first
            if oldest is not None:
                return FrameRef(index, oldest, is_backlog=True)
        return None

    def affords(self, size_bytes: int) -> bool:
        """Say whether a packet of this size may be sent now: credit is never overdrawn."""
        return self.credit_frames >= 1 and self.credit_bytes >= size_bytes

    def frame_sent(self, ref: FrameRef, size_bytes: int) -> None:
        """Count a frame as sent; its camera's turn is over."""
        camera = self._cameras[ref.camera_index]
        camera.forget(SeqSpan(ref.seq, ref.seq))
        camera.in_flight.add(SeqSpan(ref.seq, ref.seq))
        self.credit_bytes -= size_bytes
        self.credit_frames -= 1
        self._turn = (ref.camera_index + 1) % len(self._cameras)

    def gap_sent(self, gap: Gap) -> None:
        """Count a gap as sent."""
        self._gaps_in_flight.add(gap.gap_id)
