"""A gateway that runs in the test: it stores in memory, and does what a test tells it to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

from slimstream.v1 import frame_pb2, ingest_pb2, ingest_pb2_grpc
from tests.edge.waiting import LIMIT_S
from tests.places import reserved_port


@dataclass
class FakeGateway(ingest_pb2_grpc.IngestServiceServicer):
    """Accepts every agent. `stored` is what it has on "stable storage", by camera and seq."""

    acks: bool = True
    credit_bytes: int = 1 << 24
    credit_frames: int = 1000
    stored: dict[tuple[str, int], ingest_pb2.FramePacket] = field(default_factory=dict)
    gaps: dict[bytes, frame_pb2.Gap] = field(default_factory=dict)
    received: list[tuple[str, int]] = field(default_factory=list)
    formats: dict[tuple[str, int], frame_pb2.StreamFormat] = field(default_factory=dict)
    hellos: list[ingest_pb2.Hello] = field(default_factory=list)
    statuses: list[ingest_pb2.AgentStatus] = field(default_factory=list)
    settings: list[ingest_pb2.SettingsInForce] = field(default_factory=list)
    refusals: list[ingest_pb2.PullRefused] = field(default_factory=list)
    deliveries: dict[str, tuple[ingest_pb2.DeliverRequest.Head, bytes]] = field(default_factory=dict)
    outgoing: "asyncio.Queue[ingest_pb2.StreamResponse]" = field(default_factory=asyncio.Queue)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    token: str | None = None
    refused_cameras: set[str] = field(default_factory=set)
    port: int = 0
    sent_though_stored: list[tuple[str, int]] = field(default_factory=list)
    _server: Any = None
    _places: ExitStack = field(default_factory=ExitStack)

    async def start(self, port: int = 0) -> int:
        """Listen on loopback; return the port. One that it chose itself stays its own until `give_up`."""
        port = port or self._places.enter_context(reserved_port())
        self._server = grpc.aio.server()
        ingest_pb2_grpc.add_IngestServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        await self._server.start()
        return self.port

    async def stop(self) -> None:
        """Cut every connection at once; whoever comes back is refused until a gateway starts there again."""
        await self._server.stop(None)

    async def give_up(self) -> None:
        """Stop for good."""
        await self.stop()
        self._places.close()

    async def until(self, condition: Any) -> None:
        """Return when `condition()` holds; looks at each change."""
        async with asyncio.timeout(LIMIT_S):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def say(self, **message: Any) -> None:
        """Send a message to the agent."""
        self.outgoing.put_nowait(ingest_pb2.StreamResponse(**message))

    async def Stream(  # noqa: N802 - the protocol's name
        self, request_iterator: Any, context: Any
    ) -> AsyncIterator[ingest_pb2.StreamResponse]:
        if self.token and ("authorization", f"Bearer {self.token}") not in context.invocation_metadata():
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")
        first = await anext(request_iterator)
        self.hellos.append(first.hello)
        self.outgoing = asyncio.Queue()
        yield ingest_pb2.StreamResponse(welcome=self._welcome(first.hello))
        reader = asyncio.create_task(self._read(first.hello, request_iterator))
        try:
            while True:
                yield await self.outgoing.get()
        finally:
            reader.cancel()

    async def Deliver(  # noqa: N802 - the protocol's name
        self, request_iterator: Any, context: Any
    ) -> ingest_pb2.DeliverResponse:
        head, data = None, b""
        async for request in request_iterator:
            head = request.head if request.HasField("head") else head
            data += request.data
        assert head is not None
        self.deliveries[head.pull_id] = (head, data)
        self.changed.set()
        return ingest_pb2.DeliverResponse(received_bytes=len(data))

    def _welcome(self, hello: ingest_pb2.Hello) -> ingest_pb2.Welcome:
        welcome = ingest_pb2.Welcome(software="fake", revision=1)
        for camera in hello.cameras:
            is_refused = camera.camera in self.refused_cameras
            models = [] if is_refused else camera.model_fingerprints
            known = welcome.cameras.add(camera=camera.camera, accepted_models=models)
            for name, seq in sorted(self.stored):
                if name == camera.camera:
                    known.stored.add(first=seq, last=seq)
        welcome.credit.bytes, welcome.credit.frames = self.credit_bytes, self.credit_frames
        return welcome

    async def _read(self, hello: ingest_pb2.Hello, requests: Any) -> None:
        async for request in requests:
            match request.WhichOneof("message"):
                case "format":
                    self.formats[request.format.camera, request.format.format_id] = request.format.format
                case "frame":
                    self._store(hello, request.frame)
                case "gap":
                    self.gaps[request.gap.gap_id] = request.gap
                    index = [camera.camera for camera in hello.cameras].index(request.gap.camera)
                    if self.acks:
                        ack = ingest_pb2.Ack(
                            camera_index=index, epoch=request.gap.epoch, gap_ids=[request.gap.gap_id]
                        )
                        self.say(ack=ack)
                case "clock":
                    now = request.clock.sent_ns + 5_000_000
                    reply = ingest_pb2.ClockReply(
                        sent_ns=request.clock.sent_ns, received_ns=now, replied_ns=now
                    )
                    self.say(clock=reply)
                case "status":
                    self.statuses.append(request.status)
                case "settings":
                    self.settings.append(request.settings)
                case "pull_refused":
                    self.refusals.append(request.pull_refused)
            self.changed.set()

    def _store(self, hello: ingest_pb2.Hello, frame: ingest_pb2.FramePacket) -> None:
        camera = hello.cameras[frame.camera_index]
        assert (camera.camera, frame.format_id) in self.formats, "a format is announced before it is used"
        if (camera.camera, frame.seq) in self.stored:
            self.sent_though_stored.append((camera.camera, frame.seq))
        self.received.append((camera.camera, frame.seq))
        if self.acks:
            self.stored[camera.camera, frame.seq] = frame
            span = frame_pb2.SeqRange(first=frame.seq, last=frame.seq)
            ack = ingest_pb2.Ack(camera_index=frame.camera_index, epoch=camera.epoch, ranges=[span])
            self.say(ack=ack)
            self.say(credit=ingest_pb2.Credit(bytes=len(frame.packet), frames=1))
