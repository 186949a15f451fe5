"""Frames a second into a cloud, and how long an ack takes; SQLite alone beside it in the same run."""

import argparse
import asyncio
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median, quantiles

import grpc

from cloud.config import CloudConfig, Role
from cloud.server import running_cloud
from shared_models.bitstream.packet import Packet, PacketKind
from shared_models.bitstream.writer import write_live
from shared_models.packages.registry import DEFAULT_PACKAGE, builtin_package
from slimstream.v1.frame_pb2 import CaptureTime, StreamFormat
from slimstream.v1.ingest_pb2 import (
    CameraHello,
    FormatChange,
    FramePacket,
    Hello,
    StreamRequest,
    StreamResponse,
)

CAMERA = "street"


class Sender:
    """An agent that sends frames as fast as its credits allow, and notes when each is acknowledged."""

    def __init__(self, fingerprint: bytes, frames: int, payload_bytes: int) -> None:
        packet = Packet(
            PacketKind.BASE_INTRA, fingerprint, 640, 480, 1600, 0, None, 1, (bytes(payload_bytes),)
        )
        self._fingerprint = fingerprint
        self._frames = frames
        self._live = write_live(packet, packet.format, 0)
        self._credit_bytes = self._credit_frames = 0
        self._changed = asyncio.Event()
        self._sent_s: list[float] = []
        self.ack_s: list[float] = []

    async def requests(self) -> AsyncIterator[StreamRequest]:
        """Yield the whole stream."""
        camera = CameraHello(camera=CAMERA, epoch=1, model_fingerprints=[self._fingerprint])
        yield StreamRequest(
            hello=Hello(agent="bench", software="bench", revision=1, cameras=[camera], boot_id="0" * 16)
        )
        fmt = StreamFormat(model_fingerprint=self._fingerprint, frame_width=640, frame_height=480)
        yield StreamRequest(format=FormatChange(camera=CAMERA, format_id=0, format=fmt))
        for seq in range(self._frames):
            while self._credit_bytes < len(self._live) or self._credit_frames < 1:
                self._changed.clear()
                await self._changed.wait()
            self._credit_bytes -= len(self._live)
            self._credit_frames -= 1
            self._sent_s.append(time.perf_counter())
            moment = CaptureTime(capture_ns=time.time_ns(), monotonic_ns=time.monotonic_ns())
            yield StreamRequest(frame=FramePacket(seq=seq, time=moment, packet=self._live))

    def take(self, answer: StreamResponse) -> None:
        """Note credits and acknowledgements."""
        for credit in (answer.credit, answer.welcome.credit):
            self._credit_bytes += credit.bytes
            self._credit_frames += credit.frames
        self._changed.set()
        now_s = time.perf_counter()
        for span in answer.ack.ranges:
            self.ack_s += [now_s - self._sent_s[seq] for seq in range(span.first, span.last + 1)]


async def ingest(directory: Path, frames: int, payload_bytes: int) -> Sender:
    """Send `frames` through a gateway over loopback and return when all are acknowledged."""
    settings = {
        "listen": {"address": "127.0.0.1:0"},
        "store": {"directory": directory},
        "worker": {"models": [DEFAULT_PACKAGE]},
        "metrics": {"enabled": False},
        "log": {"level": "error"},
    }
    sender = Sender(builtin_package().fingerprint, frames, payload_bytes)
    async with (
        running_cloud(CloudConfig.model_validate(settings), frozenset({Role.GATEWAY})) as cloud,
        grpc.aio.insecure_channel(f"127.0.0.1:{cloud.port}") as channel,
    ):
        call = channel.stream_stream(
            "/slimstream.v1.IngestService/Stream",
            request_serializer=StreamRequest.SerializeToString,
            response_deserializer=StreamResponse.FromString,
        )(sender.requests())
        async for answer in call:
            sender.take(answer)
            if len(sender.ack_s) >= frames:
                break
        call.cancel()
    return sender


def commit_each(directory: Path, frames: int, payload_bytes: int) -> float:
    """Return seconds for one durable SQLite transaction a frame: what a store without group commit does."""
    with sqlite3.connect(directory / "peer.sqlite", isolation_level=None) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE frames (seq INTEGER PRIMARY KEY, packet BLOB)")
        began = time.perf_counter()
        for seq in range(frames):
            database.execute("INSERT INTO frames VALUES (?, ?)", (seq, bytes(payload_bytes)))
        return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=5000)
    parser.add_argument("--payload-bytes", type=int, default=1500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        began = time.perf_counter()
        cpu = time.process_time()
        sender = asyncio.run(ingest(Path(name) / "store", options.frames, options.payload_bytes))
        wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
        peer_s = commit_each(Path(name), options.frames, options.payload_bytes)
    p95 = quantiles(sender.ack_s, n=20)[-1]
    print(f"{'frames stored':28} {options.frames / wall_s:9.0f} a second, both ends and the start included")
    print(f"{'CPU a frame':28} {1e6 * cpu_s / options.frames:9.0f} us")
    print(f"{'acknowledgement p50, p95':28} {1e3 * median(sender.ack_s):9.1f} ms {1e3 * p95:7.1f} ms")
    print(f"{'SQLite, a commit a frame':28} {options.frames / peer_s:9.0f} a second")


if __name__ == "__main__":
    main()
