"""The shell around one session: bytes come in, entries go to the store, answers go out when they are durable.

The loop is never blocked: the store writes in its own thread and reports back. Nothing grows: credits bound
frames in flight, and reading pauses while much waits for the disk, or while the agent does not read.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError

from cloud.broker import Job, Shape
from cloud.greeting import CameraEpoch, Greeting
from cloud.live import LiveAgent, LiveAgents, note_status
from cloud.metrics import GatewayMetrics
from cloud.rejects import RejectedError, RejectReason
from cloud.sequences import SeqSet
from cloud.session import Event, NewFrame, NewGap, Now, Session
from cloud.storage import frame_queries
from cloud.storage.committer import Written
from cloud.storage.records import PACKETS_LOG, GapEntry, LayerEntry
from cloud.storage.store import Store
from runtime.clock import Clock
from runtime.logs import get_logger
from shared_models.errors import StorageError
from shared_models.frames import FrameId
from slimstream.v1.ingest_pb2 import (
    AgentStatus,
    PullRefused,
    SettingsInForce,
    StreamRequest,
    StreamResponse,
)

_OUTBOX_MESSAGES_MAX: Final = 64
_IN_FLIGHT_MAX: Final = 1024
"""Entries that may wait for the disk. Credits bound frames; gaps cost none and would pile up."""
_CREDIT_INTERVAL_S: Final = 0.05
_HELLO_WAIT_S: Final = 15.0
_log = get_logger("cloud.gateway")


@dataclass(frozen=True, slots=True)
class StreamContext:
    """What every stream of a gateway shares."""

    store: Store
    live: LiveAgents
    metrics: GatewayMetrics
    clock: Clock
    software: str
    message_bytes_max: int
    publish: Callable[[Job], object]
    on_pull_refused: Callable[[PullRefused], None]
    on_settings: Callable[[LiveAgent, SettingsInForce], None]
    on_left: Callable[[LiveAgent], None]

    def now(self) -> Now:
        """Read both clocks."""
        return Now(self.clock.wall_ns(), self.clock.monotonic_ns())


class StoreFailedError(StorageError):
    """The store could not take a frame; the agent keeps it and comes back."""


class AgentStream:
    """One open stream."""

    def __init__(self, session: Session, context: StreamContext) -> None:
        """Serve `session`."""
        self._session = session
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._outbox: deque[StreamResponse] = deque()
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._has_room = asyncio.Event()
        self._in_flight = 0
        self._is_ending = False
        self._failure: StorageError | None = None
        self._agent: LiveAgent | None = None

    def send(self, message: StreamResponse) -> None:
        """Queue a message to the agent."""
        self._outbox.append(message)
        self._wake.set()

    def replace(self) -> None:
        """Refuse everything further: the same agent has connected again."""
        detail = "the same agent or camera has connected on another stream"
        self._refuse(RejectedError(RejectReason.REPLACED, detail, is_fatal=True), None)

    def end(self) -> None:
        """Read no further; what is in flight is still stored and acknowledged."""
        self._is_ending = True
        self._wake.set()

    async def answers(self, requests: AsyncIterator[bytes]) -> AsyncGenerator[StreamResponse, None]:
        """Yield what to send until the agent is done or cut; raise StoreFailedError if the store failed."""
        reader = asyncio.create_task(self._read(requests))
        try:
            while True:
                self._wake.clear()
                while self._outbox:
                    yield self._outbox.popleft()
                self._drained.set()
                for answer in self._session.acknowledge(self._context.now()):
                    yield answer
                if self._failure is not None:
                    raise StoreFailedError(str(self._failure))
                if self._is_ending and not self._outbox and not self._in_flight:
                    return
                await self._rest()
        finally:
            reader.cancel()
            if self._agent is not None:
                self._context.live.leave(self._agent)
                self._context.on_left(self._agent)
            await asyncio.gather(reader, return_exceptions=True)

    async def _rest(self) -> None:
        """Wait for news; look again soon where credits are held back by the rate."""
        timeout_s = _CREDIT_INTERVAL_S if self._session.is_held_back else None
        try:
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _read(self, requests: AsyncIterator[bytes]) -> None:
        try:
            async for data in self._greeted_in_time(requests):
                if self._is_ending:  # perhaps replaced while it waited: the newer stream gets this again
                    return
                await self._take(data)
                if len(self._outbox) >= _OUTBOX_MESSAGES_MAX:
                    self._drained.clear()
                    await self._drained.wait()
                while self._in_flight >= _IN_FLIGHT_MAX:
                    self._has_room.clear()
                    await self._has_room.wait()
        finally:
            self._is_ending = True
            self._wake.set()

    async def _greeted_in_time(self, requests: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield every message, but do not wait for the first one forever."""
        try:
            async with asyncio.timeout(_HELLO_WAIT_S):
                first = await anext(requests)
        except StopAsyncIteration:
            return
        except TimeoutError:
            detail = f"no Hello came within {_HELLO_WAIT_S:g} s"
            self._refuse(RejectedError(RejectReason.HELLO_MISSING, detail, is_fatal=True), None)
            return
        yield first
        async for data in requests:
            yield data

    async def _take(self, data: bytes) -> None:
        now = self._context.now()
        message: StreamRequest | None = None
        try:
            message = _parse(data, self._context.message_bytes_max)
            self._context.metrics.messages.labels(kind=message.WhichOneof("message") or "none").inc()
            for event in self._session.receive(message, now):
                await self._act(event)
        except RejectedError as rejected:
            self._refuse(rejected, message)

    async def _act(self, event: Event) -> None:
        match event:
            case NewFrame():
                self._store(event, LayerEntry(event.layer, event.packet))
            case NewGap():
                self._store(event, GapEntry(event.gap))
            case Greeting():
                await self._welcome(event)
            case AgentStatus():
                if self._agent is not None:
                    note_status(self._agent, event)
            case PullRefused():
                self._context.on_pull_refused(event)
            case SettingsInForce():
                if self._agent is not None:
                    self._context.on_settings(self._agent, event)
            case StreamResponse():
                self.send(event)
        if self._agent is not None:
            self._agent.clock_offset_ns = self._session.clock_offset_ns

    async def _welcome(self, greeting: Greeting) -> None:
        keys = tuple(camera.key for camera in greeting.cameras if not camera.refusal)
        for camera in greeting.cameras:
            if camera.refusal:
                self._context.metrics.rejected.labels(reason=camera.why.value).inc()
        owner = self._session.grant.name
        self._context.live.make_way(owner, greeting.agent, keys)
        # What an earlier stream handed in counts as stored, or the agent would send it a second time.
        await asyncio.wrap_future(self._context.store.settled(PACKETS_LOG))
        stored = await asyncio.to_thread(self._load_coverage, keys)
        self.send(self._session.welcome(stored, self._context.software, self._context.now()))
        self._agent = LiveAgent(
            owner,
            greeting.agent,
            self,
            keys,
            tuple(camera.key.camera for camera in greeting.cameras),
        )
        self._context.live.join(self._agent)
        _log.info("agent_connected", agent=greeting.agent, cameras=len(keys), software=greeting.software)

    def _load_coverage(self, keys: tuple[CameraEpoch, ...]) -> dict[CameraEpoch, SeqSet]:
        with self._context.store.reading() as connection:
            return {key: frame_queries.coverage_of(connection, key) for key in keys}

    def _store(self, event: NewFrame | NewGap, entry: LayerEntry | GapEntry) -> None:
        self._in_flight += 1

        def report(future: Future[Written]) -> None:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._on_written, event, future)

        self._context.store.submit(entry).add_done_callback(report)

    def _on_written(self, event: NewFrame | NewGap, future: Future[Written]) -> None:
        self._in_flight -= 1
        self._has_room.set()
        self._wake.set()
        error = future.exception()
        if error is not None:
            self._context.metrics.store_errors.inc()
            self._failure = StorageError(str(error))
            return
        self._session.stored(event)
        if isinstance(event, NewFrame):
            self._note_frame(event, future.result())
        else:
            self._context.metrics.gaps.inc()

    def _note_frame(self, event: NewFrame, written: Written) -> None:
        metrics, layer = self._context.metrics, event.layer
        if written.record_id is None:
            metrics.duplicates.inc()
            return
        stored_ns = self._context.clock.wall_ns()
        metrics.frames.labels(camera=layer.frame.camera).inc()
        metrics.packet_bytes.observe(len(event.packet))
        metrics.store_seconds.observe(max(0, stored_ns - layer.received_ns) / 1e9)
        frame_id = FrameId(layer.frame.camera, layer.frame.epoch, layer.frame.seq)
        shape = Shape(layer.model_fingerprint, layer.frame_width, layer.frame_height)
        self._context.publish(Job(frame_id, shape, written.record_id, stored_ns))

    def _refuse(self, rejected: RejectedError, message: StreamRequest | None) -> None:
        answer = self._session.refuse(rejected, message, self._context.now())
        self._context.metrics.rejected.labels(reason=rejected.why.value).inc()
        if answer.reject.is_fatal:
            agent = self._session.greeting.agent if self._session.greeting else ""
            _log.warning("stream_cut", agent=agent, reason=answer.reject.reason, detail=rejected.detail)
            self._is_ending = True
        self.send(answer)


def _parse(data: bytes, bytes_max: int) -> StreamRequest:
    if len(data) > bytes_max:
        detail = f"a message has {len(data)} bytes and at most {bytes_max} are accepted"
        raise RejectedError(RejectReason.MESSAGE_TOO_LARGE, detail)
    try:
        return StreamRequest.FromString(data)
    except DecodeError:
        detail = "a message is not a StreamRequest of slimstream.v1"
        raise RejectedError(RejectReason.MESSAGE_MALFORMED, detail) from None
