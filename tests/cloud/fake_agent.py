"""A scripted agent: says exactly what a test tells it to, keeps everything it is answered."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import grpc

from shared_models.bitstream import packet as bits
from shared_models.bitstream.writer import write_live
from slimstream.v1.frame_pb2 import CaptureTime, Gap, StreamFormat
from slimstream.v1.ingest_pb2 import (
    CameraHello,
    DeliverRequest,
    DeliverResponse,
    FormatChange,
    FramePacket,
    Hello,
    Pull,
    StreamRequest,
    StreamResponse,
)

PATIENCE_S = 600.0
"""How long a test waits for what must come, however busy the machine is."""
BOOT_ID = "0123456789abcdef"
EPOCH = 1_700_000_000
STREAM = "/slimstream.v1.IngestService/Stream"
DELIVER = "/slimstream.v1.IngestService/Deliver"


def made_up_packet(
    fingerprint: bytes, payload: bytes = b"payload", width: int = 64, height: int = 48
) -> bits.Packet:
    """A base packet that no model has made: its header is good and its payload is not."""
    return bits.Packet(
        kind=bits.PacketKind.BASE_INTRA,
        fingerprint=fingerprint,
        frame_width=width,
        frame_height=height,
        quality_code=1600,
        width_id=0,
        reference=None,
        symbols_crc32c=1,
        parts=(payload,),
    )


def hello(fingerprint: bytes, *cameras: str, agent: str = "agent-1", epoch: int = EPOCH) -> StreamRequest:
    """Greet with cameras that send one model."""
    greeted = [CameraHello(camera=name, epoch=epoch, model_fingerprints=[fingerprint]) for name in cameras]
    return StreamRequest(
        hello=Hello(agent=agent, software="fake/1", revision=1, cameras=greeted, boot_id=BOOT_ID)
    )


def format_change(camera: str, packet: bits.Packet, format_id: int = 0) -> StreamRequest:
    """Agree on the format that a packet has."""
    fmt = StreamFormat(
        model_fingerprint=packet.fingerprint, frame_width=packet.frame_width, frame_height=packet.frame_height
    )
    return StreamRequest(format=FormatChange(camera=camera, format_id=format_id, format=fmt))


def frame(
    seq: int, packet: bits.Packet, camera_index: int = 0, capture_ns: int | None = None
) -> StreamRequest:
    """Send a packet as frame `seq`; frames are 100 ms apart by default."""
    captured = EPOCH * 10**9 + seq * 10**8 if capture_ns is None else capture_ns
    message = FramePacket(
        camera_index=camera_index,
        seq=seq,
        time=CaptureTime(capture_ns=captured, monotonic_ns=seq * 10**8),
        packet=write_live(packet, packet.format, seq),
        encode_us=1500,
    )
    return StreamRequest(frame=message)


def gap(camera: str, name: int, first_seq: int, last_seq: int, reason: int = 5) -> StreamRequest:
    """Report an interval without data."""
    return StreamRequest(
        gap=Gap(
            camera=camera,
            epoch=EPOCH,
            start_ns=EPOCH * 10**9 + first_seq * 10**8,
            end_ns=EPOCH * 10**9 + last_seq * 10**8,
            reason=reason,  # type: ignore[arg-type]
            first_seq=first_seq,
            last_seq=last_seq,
            frames=last_seq - first_seq + 1,
            gap_id=name.to_bytes(16, "big"),
        )
    )


@dataclass
class FakeAgent:
    """One open stream, driven from a test."""

    channel: grpc.aio.Channel
    metadata: tuple[tuple[str, str], ...] = ()
    answers: list[StreamResponse] = field(default_factory=list)
    credit_bytes: int = 0
    credit_frames: int = 0
    acked: set[tuple[int, int]] = field(default_factory=set)
    acked_gaps: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._outgoing: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._changed = asyncio.Condition()
        self.is_over = False
        self.code: grpc.StatusCode | None = None
        self.details = ""
        call = self.channel.stream_stream(
            STREAM, request_serializer=None, response_deserializer=StreamResponse.FromString
        )
        self.call = call(metadata=self.metadata)  # type: ignore[call-arg]  # the stubs want an iterator
        self._reader = asyncio.create_task(self._read())
        self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # the stream has ended
            while (data := await self._outgoing.get()) is not None:
                await self.call.write(data)
            await self.call.done_writing()

    async def _read(self) -> None:
        try:
            async for answer in self.call:
                async with self._changed:
                    self._note(answer)
                    self._changed.notify_all()
        except grpc.aio.AioRpcError as error:
            self.code, self.details = error.code(), error.details() or ""
        finally:
            self._writer.cancel()
            async with self._changed:
                self.is_over = True
                self._changed.notify_all()

    def _note(self, answer: StreamResponse) -> None:
        self.answers.append(answer)
        kind = answer.WhichOneof("message")
        if kind == "ack":
            for interval in answer.ack.ranges:
                self.acked |= {(answer.ack.camera_index, s) for s in range(interval.first, interval.last + 1)}
            self.acked_gaps |= set(answer.ack.gap_ids)
        credit = answer.credit if kind == "credit" else answer.welcome.credit
        self.credit_bytes += credit.bytes
        self.credit_frames += credit.frames

    def send(self, *messages: StreamRequest | bytes) -> None:
        """Send messages, or bytes that are none."""
        for message in messages:
            self._outgoing.put_nowait(message if isinstance(message, bytes) else message.SerializeToString())

    async def until(self, kind: str, count: int = 1) -> list[StreamResponse]:
        """Wait for `count` answers of a kind and return them; fail if the stream ends before."""
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: self.is_over or len(self._of(kind)) >= count)
        assert len(self._of(kind)) >= count, (
            f"{count} {kind} were expected, the stream ended: {self.code} {self.details}"
        )
        return self._of(kind)

    async def until_acked(self, *seqs: int, camera_index: int = 0) -> None:
        """Wait until all of `seqs` are acknowledged."""
        wanted = {(camera_index, seq) for seq in seqs}
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: self.is_over or wanted <= self.acked)
        assert wanted <= self.acked, f"not acknowledged: {wanted - self.acked}; {self.code} {self.details}"

    async def spend(self, payload_bytes: int) -> None:
        """Wait until the credits allow a frame of this size, and take its price off them."""
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(
                lambda: self.is_over or (self.credit_bytes >= payload_bytes and self.credit_frames >= 1)
            )
        self.credit_bytes -= payload_bytes
        self.credit_frames -= 1

    async def until_over(self) -> None:
        """Wait until the stream has ended."""
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: self.is_over)

    async def leave(self) -> None:
        """End the stream in good order."""
        self._outgoing.put_nowait(None)
        await self.until_over()

    async def vanish(self) -> None:
        """Cancel the stream, as a link that is cut does."""
        self.call.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    def rejects(self) -> list[str]:
        """Return the reasons of all refusals so far."""
        return [answer.reject.reason for answer in self._of("reject")]

    async def deliver(self, pull: Pull, data: bytes, **head: object) -> DeliverResponse:
        """Answer a pull on a call of its own."""
        fields: dict[str, object] = {
            "pull_id": pull.pull_id,
            "frame": pull.frame,
            "layer": pull.layer,
            "total_bytes": len(data),
            "sha256": hashlib.sha256(data).digest(),
        }
        first = DeliverRequest(head=DeliverRequest.Head(**(fields | head)))  # type: ignore[arg-type]

        async def chunks() -> AsyncIterator[DeliverRequest]:
            yield first
            for begin in range(0, len(data), 65536):
                yield DeliverRequest(data=data[begin : begin + 65536])

        call = self.channel.stream_unary(
            DELIVER,
            request_serializer=DeliverRequest.SerializeToString,
            response_deserializer=DeliverResponse.FromString,
        )
        answer: DeliverResponse = await call(chunks(), metadata=self.metadata)
        return answer

    def _of(self, kind: str) -> list[StreamResponse]:
        return [answer for answer in self.answers if answer.WhichOneof("message") == kind]
