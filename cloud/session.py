"""One agent's stream, sans-I/O: messages and moments go in, what to store and what to answer comes out.

The shell in `gateway.py` feeds it and reports what became durable; nothing here waits, reads a clock or
touches a disk. An acknowledgement is made only of what `stored` was told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from cloud.answers import ack_of, credit_of, welcome_of
from cloud.credits import CreditWindow
from cloud.greeting import REVISION, CameraEpoch, GreetedCamera, Greeting, read_hello
from cloud.message_checks import check_clock, check_gap, check_moment, checked_format, checked_packet
from cloud.rejects import RejectBudget, RejectedError, RejectReason
from cloud.sequences import SeqSet
from runtime.credentials import Grant
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.packet import Packet, PacketKind, StreamFormat
from shared_models.bitstream.writer import write_packet
from slimstream.v1.frame_pb2 import LAYER_BASE, Gap
from slimstream.v1.ingest_pb2 import (
    AgentStatus,
    ClockReply,
    ClockSample,
    FormatChange,
    FramePacket,
    Keyframe,
    PullRefused,
    Reject,
    SettingsInForce,
    StreamRequest,
    StreamResponse,
    Welcome,
)
from slimstream.v1.store_pb2 import StoredLayer


class Now(NamedTuple):
    """A moment on the cloud's clocks: Unix time, and one that never steps."""

    wall_ns: int
    steady_ns: int


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What one stream may do."""

    bitstream: Limits
    cameras_max: int
    formats_max: int
    window_bytes: int
    window_frames: int
    bytes_per_second: int
    rejects_burst: int


@dataclass(frozen=True, slots=True)
class NewFrame:
    """A checked base packet in complete form, to be stored."""

    camera_index: int
    layer: StoredLayer
    packet: bytes
    credit_bytes: int
    """What the frame cost, in credits."""


@dataclass(frozen=True, slots=True)
class NewGap:
    """A checked gap, to be stored."""

    camera_index: int
    gap: Gap


Event: TypeAlias = Greeting | NewFrame | NewGap | PullRefused | AgentStatus | SettingsInForce | StreamResponse
"""What a message leads to; a StreamResponse is an answer to send at once."""


@dataclass(slots=True)
class _Camera:
    """The live state of one camera in this stream.

    `covered` is stored or explained by a gap, now or in an earlier stream. Only what is in `stored`, which
    this stream has seen become durable, is acknowledged again unseen; the store knows about the rest.
    """

    greeted: GreetedCamera
    covered: SeqSet
    stored: SeqSet = field(default_factory=SeqSet)
    pending: set[int] = field(default_factory=set)
    formats: dict[int, StreamFormat] = field(default_factory=dict)
    durable: SeqSet = field(default_factory=SeqSet)
    durable_gaps: list[bytes] = field(default_factory=list)


class Session:
    """What one stream has agreed and what it may do next."""

    def __init__(self, grant: Grant, models: Sequence[bytes], limits: SessionLimits, now: Now) -> None:
        """Start before Hello; `models` are the fingerprints that are decoded here."""
        self.grant = grant
        self._models = tuple(models)
        self._limits = limits
        self._credits = CreditWindow(
            limits.window_bytes, limits.window_frames, limits.bytes_per_second, now.steady_ns
        )
        self._budget = RejectBudget(limits.rejects_burst, now.steady_ns)
        self._cameras: list[_Camera] = []
        self.greeting: Greeting | None = None
        self._clock_offset_ns: int | None = None
        self._clock_uncertainty_ns = 0

    @property
    def clock_offset_ns(self) -> int | None:
        """Cloud minus edge clock as the edge last measured it; None before it has."""
        return self._clock_offset_ns

    def receive(self, message: StreamRequest, now: Now) -> list[Event]:
        """Take one message in; raise RejectedError for one that is refused."""
        kind = message.WhichOneof("message")
        if kind is None:
            raise RejectedError(RejectReason.MESSAGE_EMPTY, "a message holds none of the known kinds")
        if self.greeting is None and kind != "hello":
            detail = f"the first message must be Hello and this one is {kind}"
            raise RejectedError(RejectReason.HELLO_MISSING, detail, is_fatal=True)
        match kind:
            case "hello":
                return [self._greet(message)]
            case "format":
                return self._agree_format(message.format)
            case "frame":
                return self._take_frame(message.frame, now)
            case "gap":
                return self._take_gap(message.gap)
            case "clock":
                return [self._answer_clock(message.clock, now)]
            case "status":
                return [message.status]
            case "pull_refused":
                return [message.pull_refused]
            case "settings":
                return [message.settings]

    def welcome(self, covered: Mapping[CameraEpoch, SeqSet], software: str, now: Now) -> StreamResponse:
        """Answer Hello, given which numbers of each accepted camera are stored or explained."""
        greeting = self._greeted()
        self._cameras = [_Camera(camera, covered.get(camera.key, SeqSet())) for camera in greeting.cameras]
        welcome = Welcome(software=software, revision=REVISION)
        welcome.cameras.extend(welcome_of(camera.greeted, camera.covered) for camera in self._cameras)
        granted = self._credits.grant(now.steady_ns)
        if granted is not None:
            welcome.credit.CopyFrom(credit_of(granted))
        return StreamResponse(welcome=welcome)

    def stored(self, event: NewFrame | NewGap) -> None:
        """Note that a frame or gap is on stable storage; `acknowledge` will say so."""
        camera = self._cameras[event.camera_index]
        if isinstance(event, NewFrame):
            seq = event.layer.frame.seq
            camera.pending.discard(seq)
            for seqs in (camera.stored, camera.covered, camera.durable):
                seqs.add(seq, seq)
            self._credits.settle(event.credit_bytes)
            return
        camera.durable_gaps.append(event.gap.gap_id)
        if event.gap.HasField("first_seq"):
            camera.covered.add(event.gap.first_seq, event.gap.last_seq)

    def acknowledge(self, now: Now) -> list[StreamResponse]:
        """Return the acks and credits that are due."""
        answers: list[StreamResponse] = []
        for index, camera in enumerate(self._cameras):
            if len(camera.durable) or camera.durable_gaps:
                epoch = camera.greeted.key.epoch
                answers.append(ack_of(index, epoch, camera.covered, camera.durable, camera.durable_gaps))
                camera.durable, camera.durable_gaps = SeqSet(), []
        granted = self._credits.grant(now.steady_ns) if self._cameras else None
        if granted is not None:
            answers.append(StreamResponse(credit=credit_of(granted)))
        return answers

    @property
    def is_held_back(self) -> bool:
        """Whether `acknowledge` should be asked again soon although nothing new was stored."""
        return self._credits.is_held_back

    def refuse(self, rejected: RejectedError, message: StreamRequest | None, now: Now) -> StreamResponse:
        """Say no to a message, or cut a peer that has caused too many refusals (`is_fatal` is then set)."""
        reject = Reject(reason=rejected.why, detail=rejected.detail, is_fatal=rejected.is_fatal)
        if message is not None and message.WhichOneof("message") == "frame":
            reject.camera_index, reject.seq = message.frame.camera_index, message.frame.seq
            self._credits.settle(len(message.frame.packet))
        if not self._budget.take(now.steady_ns) and not rejected.is_fatal:
            reject.is_fatal = True
            reject.reason = RejectReason.TOO_MANY_REJECTS
        return StreamResponse(reject=reject)

    def _greet(self, message: StreamRequest) -> Greeting:
        if self.greeting is not None:
            raise RejectedError(
                RejectReason.HELLO_REPEATED, "Hello was sent twice in one stream", is_fatal=True
            )
        self.greeting = read_hello(message.hello, self.grant, self._models, self._limits.cameras_max)
        return self.greeting

    def _greeted(self) -> Greeting:
        assert self.greeting is not None, "welcome and acknowledge follow a greeting"
        return self.greeting

    def _agree_format(self, change: FormatChange) -> list[Event]:
        camera = self._accepted(self._index_of(change.camera))
        camera.formats[change.format_id] = checked_format(
            change, camera.greeted.accepted_models, self._limits.formats_max, self._limits.bitstream
        )
        return []

    def _take_frame(self, frame: FramePacket, now: Now) -> list[Event]:
        if not self._credits.spend(len(frame.packet)):
            detail = "more than a window was sent beyond the credits"
            raise RejectedError(RejectReason.OVER_CREDIT, detail, is_fatal=True)
        camera = self._accepted(frame.camera_index)
        check_moment(frame)
        if frame.seq in camera.stored:
            camera.durable.add(frame.seq, frame.seq)
            self._credits.settle(len(frame.packet))
            return []
        if frame.seq in camera.pending:
            self._credits.settle(len(frame.packet))
            return []
        fmt = camera.formats.get(frame.format_id)
        if fmt is None:
            detail = f"format_id {frame.format_id} was not agreed for camera {camera.greeted.key.camera}"
            raise RejectedError(RejectReason.FORMAT_UNKNOWN, detail)
        packet = checked_packet(frame, fmt, self._limits.bitstream)
        if packet.kind is PacketKind.BASE_PREDICTED and not _has_reference(camera, packet):
            return self._ask_for_keyframe(frame)
        camera.pending.add(frame.seq)
        layer = self._describe(camera, frame, packet, now)
        return [NewFrame(frame.camera_index, layer, write_packet(packet), len(frame.packet))]

    def _ask_for_keyframe(self, frame: FramePacket) -> list[Event]:
        """Turn a predicted frame away whose reference is not here: only an intra frame can follow."""
        self._credits.settle(len(frame.packet))
        detail = f"frame {frame.seq} leans on a frame that is not stored here"
        reject = Reject(
            reason=RejectReason.MISSING_REFERENCE,
            detail=detail,
            camera_index=frame.camera_index,
            seq=frame.seq,
        )
        keyframe = Keyframe(camera_index=frame.camera_index)
        return [StreamResponse(reject=reject), StreamResponse(keyframe=keyframe)]

    def _describe(self, camera: _Camera, frame: FramePacket, packet: Packet, now: Now) -> StoredLayer:
        greeting, key = self._greeted(), camera.greeted.key
        layer = StoredLayer(
            layer=LAYER_BASE,
            time=frame.time,
            boot_id=greeting.boot_id,
            agent=greeting.agent,
            frame_width=packet.frame_width,
            frame_height=packet.frame_height,
            model_fingerprint=packet.fingerprint,
            received_ns=now.wall_ns,
            clock_uncertainty_ns=self._clock_uncertainty_ns,
            encode_us=frame.encode_us,
            change_score=frame.change_score,
            quality_code=packet.quality_code,
        )
        layer.frame.camera, layer.frame.epoch, layer.frame.seq = key.camera, key.epoch, frame.seq
        if self._clock_offset_ns is not None:
            layer.clock_offset_ns = self._clock_offset_ns
        return layer

    def _take_gap(self, gap: Gap) -> list[Event]:
        index = self._index_of(gap.camera)
        camera = self._accepted(index)
        check_gap(gap, camera.greeted.key)
        return [NewGap(index, gap)]

    def _answer_clock(self, sample: ClockSample, now: Now) -> StreamResponse:
        if sample.HasField("offset_ns"):
            check_clock(sample)
            self._clock_offset_ns, self._clock_uncertainty_ns = sample.offset_ns, sample.uncertainty_ns
        elif sample.is_stepped:
            self._clock_offset_ns, self._clock_uncertainty_ns = None, 0
        return StreamResponse(
            clock=ClockReply(sent_ns=sample.sent_ns, received_ns=now.wall_ns, replied_ns=now.wall_ns)
        )

    def _index_of(self, name: str) -> int:
        for index, camera in enumerate(self._cameras):
            if camera.greeted.key.camera == name:
                return index
        raise RejectedError(RejectReason.CAMERA_UNKNOWN, f"camera {name[:80]!r} was not named in Hello")

    def _accepted(self, index: int) -> _Camera:
        if index >= len(self._cameras):
            detail = f"camera_index {index} is beyond the {len(self._cameras)} cameras of Hello"
            raise RejectedError(RejectReason.CAMERA_UNKNOWN, detail)
        camera = self._cameras[index]
        if camera.greeted.refusal:
            raise RejectedError(camera.greeted.why, camera.greeted.refusal)
        return camera


def _has_reference(camera: _Camera, packet: Packet) -> bool:
    assert packet.reference is not None, "a predicted packet names its reference"
    return packet.reference.seq in camera.covered or packet.reference.seq in camera.pending
