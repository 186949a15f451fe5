"""The gateway: IngestService over gRPC. Every decision is in `session.py` and `delivery.py`.

Requests are taken as bytes and parsed here, so that a message which is no message is counted and answered
like any other bad one, instead of ending the call inside the library.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from cloud.access import may_write
from cloud.agent_stream import AgentStream, StoreFailedError, StreamContext
from cloud.delivery import Delivery, DeliveryLimits
from cloud.pulls import PendingPull, Pulls
from cloud.rejects import RejectedError, RejectReason
from cloud.session import Session, SessionLimits
from cloud.storage import frame_queries
from cloud.storage.records import LayerEntry
from runtime.credentials import Authenticator, Grant
from runtime.logs import get_logger
from shared_models.bitstream.reader import read_packet
from shared_models.errors import NotHeldError, RefusedError, StorageError
from slimstream.v1 import ingest_pb2
from slimstream.v1.frame_pb2 import Layer
from slimstream.v1.ingest_pb2 import DeliverRequest, DeliverResponse, StreamResponse

_DELIVERY_S: Final = 300.0
"""A delivery lasts no longer than anybody waits for one: a silent peer must not hold a place for ever."""
SERVICE: Final = ingest_pb2.DESCRIPTOR.services_by_name["IngestService"].full_name
_log = get_logger("cloud.gateway")


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """What the gateway takes from the outside."""

    session: SessionLimits
    delivery: DeliveryLimits
    streams_max: int
    deliveries_max: int


class Gateway:
    """Terminates the agents' calls."""

    def __init__(
        self,
        *,
        context: StreamContext,
        authenticator: Authenticator,
        models: Sequence[bytes],
        pulls: Pulls,
        limits: GatewayLimits,
    ) -> None:
        """Accept streams of `models` from whom `authenticator` knows."""
        self._context = context
        self._authenticator = authenticator
        self._models = tuple(models)
        self._pulls = pulls
        self._limits = limits
        self._streams: set[AgentStream] = set()
        self._deliveries = asyncio.Semaphore(limits.deliveries_max)

    def handler(self) -> "grpc.GenericRpcHandler[Any, Any]":
        """Return the service for a server; requests stay bytes."""
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "Stream": grpc.stream_stream_rpc_method_handler(
                    self.stream, response_serializer=StreamResponse.SerializeToString
                ),
                "Deliver": grpc.stream_unary_rpc_method_handler(
                    self.deliver, response_serializer=DeliverResponse.SerializeToString
                ),
            },
        )

    def drain(self) -> None:
        """End every stream once what is in flight is acknowledged."""
        for stream in self._streams:
            stream.end()

    async def stream(
        self, requests: AsyncIterator[bytes], call: grpc.aio.ServicerContext[bytes, StreamResponse]
    ) -> AsyncIterator[StreamResponse]:
        """Serve one agent for as long as it stays."""
        grant = await self._identify(call)
        if len(self._streams) >= self._limits.streams_max:
            self._count(RejectReason.STREAMS_EXHAUSTED)
            detail = f"{self._limits.streams_max} agents are connected, as many as this gateway takes"
            await call.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, detail)
        session = Session(grant, self._models, self._limits.session, self._context.now())
        stream = AgentStream(session, self._context)
        self._streams.add(stream)
        self._context.metrics.streams.set(len(self._streams))
        try:
            async with aclosing(stream.answers(requests)) as answers:
                async for answer in answers:
                    yield answer
        except asyncio.CancelledError:
            self._context.metrics.streams_lost.inc()
            raise
        except StoreFailedError as error:
            _log.error("store_failed", detail=str(error))
            await call.abort(grpc.StatusCode.UNAVAILABLE, f"the store cannot take frames now: {error}")
        finally:
            self._streams.discard(stream)
            self._context.metrics.streams.set(len(self._streams))
            if session.greeting is not None:
                _log.info("agent_disconnected", agent=session.greeting.agent)

    async def deliver(
        self, requests: AsyncIterator[bytes], call: grpc.aio.ServicerContext[bytes, DeliverResponse]
    ) -> DeliverResponse:
        """Take one pulled layer and store it."""
        grant = await self._identify(call)
        try:
            async with self._deliveries, asyncio.timeout(_DELIVERY_S):
                return await self._receive(requests, grant)
        except TimeoutError:
            self._count(RejectReason.DELIVERY_INVALID)
            detail = f"the delivery was not whole after {_DELIVERY_S:g} s; its place is given to another"
            await call.abort(grpc.StatusCode.DEADLINE_EXCEEDED, detail)
        except RejectedError as rejected:
            self._count(rejected.why)
            await call.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{rejected.why.value}: {rejected.detail}")
        except NotHeldError as error:
            await call.abort(grpc.StatusCode.NOT_FOUND, str(error))
        except StorageError as error:
            await call.abort(grpc.StatusCode.UNAVAILABLE, f"the store cannot take the layer now: {error}")
        raise AssertionError("abort raises")

    async def _receive(self, requests: AsyncIterator[bytes], grant: Grant) -> DeliverResponse:
        delivery: Delivery | None = None
        pending: PendingPull | None = None
        async for data in requests:
            request = _parse_delivery(data)
            if delivery is None or pending is None:
                pending = self._expected(request, grant)
                delivery = Delivery(request.head, pending.wanted, self._limits.delivery)
            delivery.add(request.data)
        if delivery is None or pending is None:
            raise RejectedError(RejectReason.DELIVERY_INVALID, "a delivery held no message")
        return await asyncio.to_thread(self._store_layer, delivery, pending, self._complete_soon())

    def _expected(self, request: DeliverRequest, grant: Grant) -> PendingPull:
        if not request.HasField("head"):
            raise RejectedError(
                RejectReason.DELIVERY_INVALID, "the first message of a delivery carries its head"
            )
        pending = self._pulls.expect(request.head.pull_id)
        if not may_write(grant, pending.wanted.frame_id.camera):
            detail = f"{grant.name} may not write camera {pending.wanted.frame_id.camera}"
            raise RejectedError(RejectReason.CAMERA_NOT_ALLOWED, detail)
        return pending

    def _complete_soon(self) -> Callable[[PendingPull], object]:
        loop = asyncio.get_running_loop()
        return lambda pending: loop.call_soon_threadsafe(self._pulls.complete, pending)

    def _store_layer(
        self, delivery: Delivery, pending: PendingPull, complete: Callable[[PendingPull], object]
    ) -> DeliverResponse:
        """Check and store a delivery, in a thread of its own: disk and hashes stay off the loop."""
        name, store = pending.wanted.frame_id, self._context.store
        with store.reading() as connection:
            row = frame_queries.frame_by_seq(connection, name.camera, name.seq, name.epoch)
        if row is None:
            raise NotHeldError(
                f"frame {name} was given up here before its layer came; raise store.budget_bytes or store.age"
            )
        base, payload = store.read_layer(row.base)
        bitstream = self._limits.session.bitstream
        layer, data = delivery.finish(base, read_packet(payload, bitstream), bitstream)
        layer.received_ns = self._context.clock.wall_ns()
        store.submit(LayerEntry(layer, data)).result()
        self._context.metrics.delivered_bytes.labels(
            layer=Layer.Name(layer.layer).removeprefix("LAYER_").lower()
        ).inc(len(data))
        complete(pending)
        return DeliverResponse(received_bytes=len(data))

    async def _identify(self, call: grpc.aio.ServicerContext[Any, Any]) -> Grant:
        auth_context: Mapping[str, Any] = call.auth_context()
        try:
            return self._authenticator.authenticate(call.invocation_metadata() or (), auth_context)
        except RefusedError as refused:
            self._count(RejectReason.UNAUTHENTICATED)
            await call.abort(grpc.StatusCode.UNAUTHENTICATED, str(refused))
            raise

    def _count(self, why: RejectReason) -> None:
        self._context.metrics.rejected.labels(reason=why.value).inc()


def _parse_delivery(data: bytes) -> DeliverRequest:
    try:
        return DeliverRequest.FromString(data)
    except DecodeError:
        detail = "a message is not a DeliverRequest of slimstream.v1"
        raise RejectedError(RejectReason.MESSAGE_MALFORMED, detail) from None
