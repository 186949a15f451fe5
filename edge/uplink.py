"""The connection to the gateway: short tasks around the session, which decides everything.

    ring events ─► session ─► _send ─► call.write        one bidirectional call
    gateway ─► call.read ─► _receive ─► session, ring, camera settings, pulls
    every few seconds: clock samples, status, checkpoint of the ring

All of it runs in one event loop; what touches the disk runs in one thread beside it, in order.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, ParamSpec, Protocol, TypeAlias, TypeVar

import grpc
import grpc.aio
import structlog

from edge.config import LinkConfig
from edge.gaps import Gap, GapReason, GapTracker, SeqSpan
from edge.link_clock import LinkClock
from edge.messages import gap_message
from edge.metrics import EdgeMetrics
from edge.outgoing import FormatBook, frame_messages
from edge.pull_delivery import PullDelivery
from edge.ring import FrameKept, Ring, RingEvent
from edge.ring_records import KeptFrame
from edge.session import FrameRef, UplinkSession
from runtime.backoff import Backoff
from runtime.clock import Clock
from runtime.credentials import call_metadata, open_aio_channel
from shared_models.errors import LinkError, RefusedError, SlimstreamError
from slimstream.v1 import ingest_pb2
from slimstream.v1.ingest_pb2_grpc import IngestServiceStub

if TYPE_CHECKING:  # the stub for asyncio is a type only; the class is the same
    from slimstream.v1.ingest_pb2_grpc import IngestServiceAsyncStub

STATUS_S: Final = 5.0
CHECKPOINT_S: Final = 2.0
_REFUSALS: Final = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)

P = ParamSpec("P")
R = TypeVar("R")
Call: TypeAlias = grpc.aio.StreamStreamCall[ingest_pb2.StreamRequest, ingest_pb2.StreamResponse]

log = structlog.get_logger(part="edge.uplink")


class Directed(Protocol):
    """What the uplink needs of a camera."""

    def change(self, quality: float | None, width: float | None, frames_per_second: float | None) -> None:
        """Take the cloud's wishes; what is None stays."""
        ...


class Writer:
    """Writes to the call from several tasks: gRPC takes one message at a time."""

    def __init__(self, call: Call) -> None:
        """Write to `call`."""
        self._call = call
        self._turn = asyncio.Lock()

    async def write(self, message: ingest_pb2.StreamRequest) -> None:
        """Send one message; waits while the link cannot take it."""
        async with self._turn:
            await self._call.write(message)


class Uplink:
    """Keeps the agent connected and everything acknowledged, for as long as `run` runs."""

    def __init__(
        self,
        config: LinkConfig,
        session: UplinkSession,
        ring: Ring,
        pulls: PullDelivery,
        *,
        hello: Callable[[], ingest_pb2.Hello],
        status: Callable[[], ingest_pb2.AgentStatus],
        cameras: Sequence[Directed | None],
        clock: Clock,
        metrics: EdgeMetrics,
    ) -> None:
        """Take what the link needs; `cameras` are in the session's order, None for one not configured."""
        self._config = config
        self._session = session
        self._ring = ring
        self._pulls = pulls
        self._hello = hello
        self._status = status
        self._cameras = cameras
        self._clock = clock
        self._metrics = metrics
        self._link_clock = LinkClock(clock)
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._formats = FormatBook()
        self._fresh: OrderedDict[tuple[str, int], KeptFrame] = OrderedDict()
        """Live frames, so that they need not be read back from the disk."""
        self._dropped = {name: GapTracker(name, ring.epoch(name)) for name in ring.cameras}
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="uplink-disk")
        self._heard_s = 0.0

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        loop = asyncio.get_running_loop()

        def on_event(event: RingEvent) -> None:
            loop.call_soon_threadsafe(self._on_ring_event, event)

        self._ring.subscribe(on_event)
        backoff = Backoff(limit_s=self._config.retry_s_max)
        housekeeping = asyncio.create_task(self._keep_house())
        try:
            while True:
                try:
                    await self._connect(backoff)
                except SlimstreamError as error:
                    delay_s = backoff.next_s()
                    self._metrics.connections.labels(error.reason).inc()
                    log.warning("link_lost", reason=str(error), retry_s=round(delay_s, 2))
                    await asyncio.sleep(delay_s)
        finally:
            housekeeping.cancel()
            self._disk.shutdown()

    async def drained(self) -> None:
        """Return when everything, gaps too, is acknowledged."""
        for tracker in self._dropped.values():
            self._keep(tracker.close())
        await self._on_disk(lambda: None)  # what was just recorded is announced by now
        while not self._session.is_idle:
            self._settled.clear()
            await self._settled.wait()

    @property
    def unsent_frames(self) -> int:
        """Frames kept and not sent since the link came up."""
        return self._session.unsent_frames

    # The connection

    async def _connect(self, backoff: Backoff) -> None:
        """Run one connection to its end; raise LinkError that says why it ended."""
        options = [("grpc.max_receive_message_length", 4 << 20)]
        security = self._config.security
        async with open_aio_channel(self._config.target, security, options) as channel:
            metadata = call_metadata(security)
            stub: IngestServiceAsyncStub = IngestServiceStub(channel)
            call: Call = stub.Stream(metadata=metadata)  # type: ignore[call-arg]  # written to, not iterated
            writer = Writer(call)
            try:
                async with asyncio.timeout(self._config.connect_timeout_s):
                    await self._greet(call)
                log.info("link_up", target=self._config.target)
                self._metrics.link_up.set(1)
                self._metrics.connections.labels("connected").inc()
                backoff.reset()
                async with self._pulls.serving(stub, metadata, writer.write), asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._receive(call))
                    tasks.create_task(self._send(writer))
                    tasks.create_task(self._sample_clocks(writer))
                    tasks.create_task(self._report_status(writer))
            except TimeoutError as error:
                limit = self._config.connect_timeout_s
                raise LinkError(
                    f"{self._config.target} did not welcome the agent within {limit:g} s"
                ) from error
            except (grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError) as error:
                raise link_error(error) from error
            except ExceptionGroup as group:
                raise link_error(first_cause(group)) from group
            finally:
                call.cancel()
                self._session.disconnected()
                self._metrics.link_up.set(0)

    async def _greet(self, call: Call) -> None:
        """Say Hello, take Welcome."""
        await call.write(ingest_pb2.StreamRequest(hello=self._hello()))
        response = await call.read()
        if not isinstance(response, ingest_pb2.StreamResponse):
            raise LinkError("the gateway closed the stream instead of welcoming the agent")
        if response.WhichOneof("message") != "welcome":
            raise RefusedError(
                f"the gateway refused the agent: {response.reject.detail or 'no Welcome came'}"
            )
        self._formats = FormatBook()
        self._session.connected()
        self._heard_s = asyncio.get_running_loop().time()
        welcome = response.welcome
        for index, camera in enumerate(welcome.cameras):
            if not camera.accepted_models:
                log.error("camera_refused", camera=camera.camera, reason=camera.refusal)
                self._session.refuse(index)
            through = camera.stored_through_seq if camera.HasField("stored_through_seq") else None
            spans = [SeqSpan(stored.first, stored.last) for stored in camera.stored]
            self._acknowledge(index, None, through, spans, ())
        self._session.credited(welcome.credit.bytes, welcome.credit.frames)

    async def _send(self, writer: Writer) -> None:
        """Send whatever the session says is next."""
        while True:
            self._wake.clear()
            item = self._session.next_item()
            if item is None:
                await self._wake.wait()
            elif isinstance(item, Gap):
                self._session.gap_sent(item)
                await writer.write(ingest_pb2.StreamRequest(gap=gap_message(item)))
            else:
                await self._send_frame(writer, item)

    async def _send_frame(self, writer: Writer, ref: FrameRef) -> None:
        """Send one frame, once there is credit for its bytes; what cannot be read any more becomes a gap."""
        name = self._session.name_of(ref.camera_index)
        assert name is not None, "the session made the reference"
        try:
            frame = self._fresh.get((name, ref.seq))
            if frame is None:
                frame = await self._on_disk(self._ring.read_frame, name, ref.seq)
            messages, size_bytes = frame_messages(frame, ref, self._formats)
        except SlimstreamError as error:
            log.warning("frame_not_readable", camera=name, seq=ref.seq, reason=str(error))
            self._lose(name, ref.seq, GapReason.EVICTED)
            return
        if self._session.next_item() != ref:
            return  # it was dropped, or something fresher came, while the disk was read
        if not self._session.affords(size_bytes):
            await self._wake.wait()
            return
        self._session.frame_sent(ref, size_bytes)
        self._fresh.pop((name, ref.seq), None)
        for message in messages:
            await writer.write(message)
        self._metrics.sent_frames.labels(name, "backlog" if ref.is_backlog else "live").inc()
        self._metrics.sent_bytes.labels(name).inc(size_bytes)

    async def _receive(self, call: Call) -> None:
        """Take what the gateway says, until it ends the stream."""
        while True:
            response = await call.read()
            if not isinstance(response, ingest_pb2.StreamResponse):
                raise LinkError("the gateway ended the stream")
            self._heard_s = asyncio.get_running_loop().time()
            self._take(response)

    def _take(self, response: ingest_pb2.StreamResponse) -> None:
        match response.WhichOneof("message"):
            case "ack":
                ack = response.ack
                through = ack.through_seq if ack.HasField("through_seq") else None
                spans = [SeqSpan(span.first, span.last) for span in ack.ranges]
                self._acknowledge(ack.camera_index, ack.epoch, through, spans, list(ack.gap_ids))
            case "credit":
                self._session.credited(response.credit.bytes, response.credit.frames)
                self._wake.set()
            case "pull":
                self._pulls.request(response.pull)
            case "clock":
                self._link_clock.replied(response.clock)
            case "settings":
                self._change(response.settings)
            case "reject":
                self._rejected(response.reject)
            case _:
                pass  # Keyframe: every packet of revision 1 is one. Others are from the future.

    def _acknowledge(
        self,
        index: int,
        epoch: int | None,
        through: int | None,
        spans: Sequence[SeqSpan],
        gap_ids: Sequence[bytes],
    ) -> None:
        settled = self._session.acknowledged(index, epoch, through, spans, gap_ids)
        if settled is None:
            return
        self._metrics.acknowledged.labels(settled.camera).inc(settled.frames)
        self._disk.submit(self._ring.settle, settled.camera, settled.spans, settled.gap_ids)
        self._settled.set()
        self._wake.set()

    def _change(self, settings: ingest_pb2.Settings) -> None:
        camera = self._cameras[settings.camera_index] if settings.camera_index < len(self._cameras) else None
        if camera is None:
            return
        quality = settings.quality if settings.HasField("quality") else None
        width = settings.width if settings.HasField("width") else None
        rate = settings.frames_per_second if settings.HasField("frames_per_second") else None
        try:
            camera.change(quality, width, rate)
        except SlimstreamError as error:
            log.warning("settings_refused", camera_index=settings.camera_index, reason=str(error))

    def _rejected(self, reject: ingest_pb2.Reject) -> None:
        """Count a refusal; a frame that will never be stored becomes a gap instead of being sent for ever."""
        self._metrics.rejects.labels(reject.reason or "unknown").inc()
        log.warning("message_rejected", reason=reject.reason, detail=reject.detail, is_fatal=reject.is_fatal)
        if reject.HasField("camera_index") and reject.HasField("seq"):
            name = self._session.name_of(reject.camera_index)
            if name is not None:
                self._lose(name, reject.seq, GapReason.ENCODE_FAILED)
        if reject.is_fatal:
            raise RefusedError(f"the gateway refused the agent: {reject.reason}: {reject.detail}")

    async def _sample_clocks(self, writer: Writer) -> None:
        """Ask for the time now and then; a gateway that stops answering is gone."""
        loop = asyncio.get_running_loop()
        samples = 0
        while True:
            await writer.write(ingest_pb2.StreamRequest(clock=self._link_clock.sample()))
            samples += 1
            await asyncio.sleep(1.0 if samples < 4 else self._config.keepalive_s)
            silent_s = loop.time() - self._heard_s
            if silent_s > 2.5 * self._config.keepalive_s:
                raise LinkError(f"the gateway has been silent for {silent_s:.0f} s")
            if (estimate := self._link_clock.estimate()) is not None:
                self._metrics.clock_offset.set(estimate.offset_ns / 1e9)
                self._metrics.clock_uncertainty.set(estimate.uncertainty_ns / 1e9)

    async def _report_status(self, writer: Writer) -> None:
        while True:
            await writer.write(ingest_pb2.StreamRequest(status=self._status()))
            await asyncio.sleep(STATUS_S)

    # The ring

    def _on_ring_event(self, event: RingEvent) -> None:
        if isinstance(event, FrameKept):
            frame = event.frame
            self._fresh[frame.camera, frame.seq] = frame
            for seq in self._session.frame_kept(frame.camera, frame.seq):
                reason = GapReason.EVICTED if self._session.is_connected else GapReason.LINK_DOWN
                self._lose(frame.camera, seq, reason)
            while len(self._fresh) > self._session.live_frames_max * len(self._dropped):
                self._fresh.popitem(last=False)
        else:
            self._session.gap_kept(event.gap)
        self._wake.set()

    def _lose(self, name: str, seq: int, reason: GapReason) -> None:
        """Record that a frame will not be sent."""
        frame = self._fresh.pop((name, seq), None)
        capture_ns = self._clock.wall_ns() if frame is None else frame.time.capture_ns
        self._session.frame_lost(name, seq)
        self._keep(self._dropped[name].miss_frame(reason, seq, capture_ns))

    def _keep(self, gaps: Sequence[Gap]) -> None:
        for gap in gaps:
            self._metrics.gaps.labels(gap.camera, gap.reason.name.lower()).inc()
            self._disk.submit(self._ring.append_gap, gap)

    async def _keep_house(self) -> None:
        """Close gaps that do not grow any more, write the ring's state, and set what only changes slowly."""
        while True:
            await asyncio.sleep(CHECKPOINT_S)
            for tracker in self._dropped.values():
                self._keep(tracker.close_idle())
            await self._on_disk(self._ring.checkpoint)
            stats = self._ring.stats
            self._metrics.ring.set(stats.size_bytes)
            self._metrics.ring_errors.set(self._ring.write_errors)
            self._metrics.backlog.set(self._session.unsent_frames)

    async def _on_disk(self, function: Callable[P, R], *arguments: P.args, **keywords: P.kwargs) -> R:
        return await asyncio.wrap_future(self._disk.submit(function, *arguments, **keywords))


def first_cause(error: BaseException) -> BaseException:
    """Return the first of the errors that ended a group of tasks."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def link_error(error: BaseException) -> Exception:
    """Return what ended a connection as one of our errors; a bug of ours comes back as it is."""
    if isinstance(error, grpc.aio.AioRpcError):
        details = error.details() or error.code().name.lower()
        if error.code() in _REFUSALS:
            return RefusedError(f"the gateway refused the agent: {details}")
        return LinkError(f"the link failed: {details}")
    if isinstance(error, grpc.aio.UsageError | asyncio.InvalidStateError):
        return LinkError("the gateway ended the stream")  # a write came after that
    assert isinstance(error, Exception), "tasks of a group are cancelled from outside only"
    return error
