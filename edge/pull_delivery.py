"""Takes pulls from the stream and delivers the answers on calls of their own."""

import asyncio
import hashlib
import math
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, ParamSpec, Protocol, TypeVar

import grpc
import grpc.aio
import structlog

from edge.metrics import EdgeMetrics
from edge.pulls import NEAREST_MAX, PullAnswer, PulledLayer, PullRequest
from edge.ring import Ring
from runtime.credentials.client import Metadata
from shared_models.errors import NotHeldError, SlimstreamError
from shared_models.frames import FrameId
from slimstream.v1 import frame_pb2, ingest_pb2

if TYPE_CHECKING:  # the stub for asyncio is a type only; the class is the same
    from slimstream.v1.ingest_pb2_grpc import IngestServiceAsyncStub

CHUNK_BYTES: Final = 128 << 10
DELIVER_S: Final = 300.0
"""As long as a gateway ever waits for a pull. A delivery it does not end must not hold up those behind it."""
ASKED_MAX: Final = 256
"""Pulls held before their turn; many times what a gateway has under way with one agent."""
IDLE_S: Final = 20.0
"""Without a pull for this long, what only pulls need is let go."""

P = ParamSpec("P")
R = TypeVar("R")

log = structlog.get_logger(part="edge.pulls")


class Answers(Protocol):
    """What makes the answers; called in a thread."""

    def answer(self, request: PullRequest) -> PullAnswer:
        """Return the layer; raise SlimstreamError, NotHeldError for a frame that is gone."""
        ...

    def release(self) -> None:
        """Let go of what is only needed while pulls come."""
        ...


class PullDelivery:
    """Answers pulls one after the other while a connection lasts; the gateway asks again after another."""

    def __init__(self, answerer: Answers, ring: Ring, waiting_max: int, metrics: EdgeMetrics) -> None:
        """Let at most `waiting_max` pulls wait."""
        self._answerer = answerer
        self._ring = ring
        self._waiting: asyncio.Queue[ingest_pb2.Pull] = asyncio.Queue(ASKED_MAX)
        self._waiting_max = waiting_max
        self._metrics = metrics
        self._coding = ThreadPoolExecutor(1, thread_name_prefix="pull")

    def request(self, pull: ingest_pb2.Pull) -> None:
        """Take a pull from the stream; beyond the limit it is refused when its turn comes, or passed over."""
        try:
            self._waiting.put_nowait(pull)
        except asyncio.QueueFull:
            log.warning("pull_passed_over", pull_id=pull.pull_id, reason=f"{ASKED_MAX} pulls wait already")
            self._metrics.pulls.labels(layer_name(pull), "passed_over").inc()

    async def serve(
        self,
        stub: "IngestServiceAsyncStub",
        metadata: Metadata,
        write: Callable[[ingest_pb2.StreamRequest], Awaitable[None]],
    ) -> None:
        """Answer pulls of one connection until cancelled; `write` sends refusals on the agent's stream."""
        self._waiting = asyncio.Queue(ASKED_MAX)
        while True:
            try:
                async with asyncio.timeout(IDLE_S):
                    pull = await self._waiting.get()
            except TimeoutError:
                await self._in_thread(self._answerer.release)
                continue
            layer = layer_name(pull)
            try:
                size_bytes = await self._answer(pull, stub, metadata)
                result = "delivered"
                self._metrics.pulled_bytes.labels(layer).inc(size_bytes)
            except SlimstreamError as error:
                result = error.reason
                log.info("pull_refused", pull_id=pull.pull_id, reason=str(error))
                refusal = await self._in_thread(self._refusal, pull, error)
                await write(ingest_pb2.StreamRequest(pull_refused=refusal))
            except grpc.aio.AioRpcError as error:
                result = "not_delivered"
                log.warning("pull_not_delivered", pull_id=pull.pull_id, reason=error.details())
            self._metrics.pulls.labels(layer, result).inc()

    def close(self) -> None:
        """End the thread that makes answers."""
        self._coding.shutdown(cancel_futures=True)

    async def _answer(self, pull: ingest_pb2.Pull, stub: "IngestServiceAsyncStub", metadata: Metadata) -> int:
        """Make the layer and deliver it; return its size in bytes."""
        frame_id = FrameId(pull.frame.camera, pull.frame.epoch, pull.frame.seq)
        try:
            layer = PulledLayer(pull.layer)
        except ValueError:
            raise SlimstreamError(
                f"this agent knows no layer {pull.layer}; upgrade it, or ask for full or source"
            ) from None
        request = PullRequest(frame_id, layer, pull.quality if pull.HasField("quality") else None)
        if self._waiting.qsize() >= self._waiting_max:
            raise SlimstreamError(f"{self._waiting_max} pulls wait already; ask again later")
        try:
            answer = await self._in_thread(self._answerer.answer, request)
        except SlimstreamError:
            raise
        except Exception as error:  # a bug in one answer must not cost the live frames their connection
            log.exception("pull_crashed", pull_id=pull.pull_id)
            raise SlimstreamError(
                f"the agent failed to make the layer ({type(error).__name__}); its log says more"
            ) from error
        await stub.Deliver(delivery(pull, answer), metadata=metadata, timeout=DELIVER_S)
        log.info(
            "pull_delivered", frame=str(frame_id), layer=layer.name.lower(), layer_bytes=len(answer.data)
        )
        return len(answer.data)

    async def _in_thread(self, function: Callable[P, R], *arguments: P.args, **keywords: P.kwargs) -> R:
        return await asyncio.wrap_future(self._coding.submit(function, *arguments, **keywords))

    def _refusal(self, pull: ingest_pb2.Pull, error: SlimstreamError) -> ingest_pb2.PullRefused:
        frame_id = FrameId(pull.frame.camera, pull.frame.epoch, pull.frame.seq)
        nearest = self._ring.nearest(frame_id, NEAREST_MAX)
        return ingest_pb2.PullRefused(
            pull_id=pull.pull_id,
            is_not_held=isinstance(error, NotHeldError),
            reason=str(error),
            nearest=[frame_pb2.FrameId(camera=n.camera, epoch=n.epoch, seq=n.seq) for n in nearest],
        )


def layer_name(pull: ingest_pb2.Pull) -> str:
    """Return the name that metrics count by; a layer from the future is `unknown`."""
    known = {layer.value: layer.name.lower() for layer in PulledLayer}
    return known.get(pull.layer, "unknown")


def delivery(pull: ingest_pb2.Pull, answer: PullAnswer) -> Iterator[ingest_pb2.DeliverRequest]:
    """Yield the messages that carry an answer: what it is, then its bytes in pieces."""
    head = ingest_pb2.DeliverRequest.Head(
        pull_id=pull.pull_id,
        frame=pull.frame,
        layer=pull.layer,
        total_bytes=len(answer.data),
        sha256=hashlib.sha256(answer.data).digest(),
        media_type=answer.media_type,
    )
    if answer.psnr_db is not None and math.isfinite(answer.psnr_db):
        head.psnr_db = answer.psnr_db
    if answer.preview_psnr_db is not None and math.isfinite(answer.preview_psnr_db):
        head.preview_psnr_db = answer.preview_psnr_db
    yield ingest_pb2.DeliverRequest(head=head, data=answer.data[:CHUNK_BYTES])
    for start in range(CHUNK_BYTES, len(answer.data), CHUNK_BYTES):
        yield ingest_pb2.DeliverRequest(data=answer.data[start : start + CHUNK_BYTES])
