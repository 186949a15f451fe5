"""The connection to the gateway: short tasks around the session, which decides everything.

    ring ─► RingLink ─► session ─► _send ─► outgoing ─► one bidirectional call
    gateway ─► _receive ─► Incoming ─► session, ring, cameras, pulls
    every few seconds: clock samples, status

All of it runs in one event loop, and none of it touches the disk there.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

import grpc
import grpc.aio
import structlog

from edge.config import LinkConfig
from edge.directions import Directions
from edge.gaps import Gap, GapReason
from edge.incoming import Incoming
from edge.link_clock import LinkClock
from edge.messages import gap_message
from edge.metrics import EdgeMetrics
from edge.outgoing import FormatBook, frame_messages, live_form
from edge.pull_delivery import PullDelivery
from edge.ring_link import RingLink
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
_SILENCES_MAX: Final = 2.5
"""A gateway that has said nothing for so many keepalive intervals is gone."""
_FIRST_SAMPLES: Final = 4
"""Clock samples taken a second apart before they become rare."""
_CHANNEL_OPTIONS: Final = (("grpc.use_local_subchannel_pool", 1),)
"""A new connection must be a new one: gRPC would share the old one's socket, which may be dead."""
_REFUSALS: Final = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)

Call: TypeAlias = grpc.aio.StreamStreamCall[ingest_pb2.StreamRequest, ingest_pb2.StreamResponse]

log = structlog.get_logger(part="edge.uplink")


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
        ring: RingLink,
        pulls: PullDelivery,
        *,
        hello: Callable[[], ingest_pb2.Hello],
        status: Callable[[], ingest_pb2.AgentStatus],
        directions: Directions,
        clock: Clock,
        metrics: EdgeMetrics,
    ) -> None:
        """Take what the link needs."""
        self._config = config
        self._session = session
        self._ring = ring
        self._pulls = pulls
        self._directions = directions
        self._hello = hello
        self._status = status
        self._metrics = metrics
        self._clock = LinkClock(clock)
        self._incoming = Incoming(session, ring, self._clock, pulls, directions=directions, metrics=metrics)
        self._formats = FormatBook()
        self._heard_s = 0.0

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        backoff = Backoff(limit_s=self._config.retry_s_max)
        while True:
            try:
                await self._connect(backoff)
            except SlimstreamError as error:
                delay_s = backoff.next_s()
                self._metrics.connections.labels(error.reason).inc()
                log.warning("link_lost", reason=str(error), retry_s=round(delay_s, 2))
                await asyncio.sleep(delay_s)

    async def _connect(self, backoff: Backoff) -> None:
        """Run one connection to its end; raise LinkError that says why it ended."""
        config = self._config
        async with open_aio_channel(config.target, config.security, _CHANNEL_OPTIONS) as channel:
            metadata = call_metadata(config.security)
            stub: IngestServiceAsyncStub = IngestServiceStub(channel)
            call: Call = stub.Stream(metadata=metadata)  # type: ignore[call-arg]  # written to, not iterated
            writer = Writer(call)
            try:
                async with asyncio.timeout(config.connect_timeout_s):
                    await self._greet(call)
                log.info("link_up", target=config.target)
                self._metrics.link_up.set(1)
                self._metrics.connections.labels("connected").inc()
                backoff.reset()
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._receive(call))
                    tasks.create_task(self._send(writer))
                    tasks.create_task(self._sample_clocks(writer))
                    tasks.create_task(self._report_status(writer))
                    tasks.create_task(self._pulls.serve(stub, metadata, writer.write))
                    tasks.create_task(self._directions.serve(writer.write))
            except TimeoutError as error:
                raise LinkError(
                    f"{config.target} did not welcome the agent within {config.connect_timeout_s:g} s; "
                    "does a gateway listen there?"
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
        hello = await self._ring.on_disk(self._hello)
        await call.write(ingest_pb2.StreamRequest(hello=hello))
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
        self._incoming.welcome(response.welcome)

    async def _receive(self, call: Call) -> None:
        """Take what the gateway says, until it ends the stream."""
        while True:
            response = await call.read()
            if not isinstance(response, ingest_pb2.StreamResponse):
                raise LinkError("the gateway ended the stream")
            self._heard_s = asyncio.get_running_loop().time()
            self._incoming.take(response)

    async def _send(self, writer: Writer) -> None:
        """Send whatever the session says is next."""
        while True:
            self._ring.changed.clear()
            item = self._session.next_item()
            if item is None:
                await self._ring.changed.wait()
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
            frame = await self._ring.frame(name, ref.seq)
            packet, live = live_form(frame)
        except SlimstreamError as error:
            log.warning("frame_not_readable", camera=name, seq=ref.seq, reason=str(error))
            self._ring.lose(name, ref.seq, GapReason.EVICTED)
            return
        if self._session.next_item() != ref:
            return  # it was dropped, or something fresher came, while the disk was read
        if not self._session.affords(len(live)):
            await self._ring.changed.wait()
            return
        self._session.frame_sent(ref, len(live))
        self._ring.sent(name, ref.seq)
        for message in frame_messages(frame, ref, packet.format, live, self._formats):
            await writer.write(message)
        self._metrics.sent_frames.labels(name, "backlog" if ref.is_backlog else "live").inc()
        self._metrics.sent_bytes.labels(name).inc(len(live))

    async def _sample_clocks(self, writer: Writer) -> None:
        """Ask for the time now and then; a gateway that stops answering is gone."""
        loop = asyncio.get_running_loop()
        samples = 0
        while True:
            await writer.write(ingest_pb2.StreamRequest(clock=self._clock.sample()))
            samples += 1
            await asyncio.sleep(1.0 if samples < _FIRST_SAMPLES else self._config.keepalive_s)
            silent_s = loop.time() - self._heard_s
            if silent_s > _SILENCES_MAX * self._config.keepalive_s:
                raise LinkError(f"the gateway has been silent for {silent_s:.0f} s")
            if (estimate := self._clock.estimate()) is not None:
                self._metrics.clock_offset.set(estimate.offset_ns / 1e9)
                self._metrics.clock_uncertainty.set(estimate.uncertainty_ns / 1e9)

    async def _report_status(self, writer: Writer) -> None:
        while True:
            await writer.write(ingest_pb2.StreamRequest(status=self._status()))
            await asyncio.sleep(STATUS_S)


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
