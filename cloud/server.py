"""The gRPC server of one process: which services it has, how it starts and how it ends."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from cloud.agent_stream import StreamContext
from cloud.api.callers import Callers
from cloud.api.cameras import CamerasApi
from cloud.api.frames import FramesApi, FramesOptions
from cloud.api.results import ResultsApi
from cloud.config import CloudConfig, LimitsSection, MetricsSection, Role
from cloud.delivery import DeliveryLimits
from cloud.gateway import SERVICE, Gateway, GatewayLimits
from cloud.interceptor import RejectCounter
from cloud.metrics import GatewayMetrics
from cloud.parts import Parts, load_models, software_name
from cloud.pictures import Pictures
from cloud.session import SessionLimits
from cloud.storage.records import PACKETS_LOG, RESULTS_LOG
from cloud.storage.store import Store, StoreOptions
from cloud.threads import running_threads
from runtime.clock import Clock, SystemClock
from runtime.credentials import listen
from runtime.logs import get_logger
from runtime.metrics import MetricsServer
from shared_models.errors import ConfigError
from slimstream.v1 import control_pb2
from slimstream.v1.control_pb2_grpc import (
    add_CamerasServiceServicer_to_server,
    add_FramesServiceServicer_to_server,
    add_ResultsServiceServicer_to_server,
)

_API_SERVICES: Final = tuple(
    control_pb2.DESCRIPTOR.services_by_name[name].full_name
    for name in ("FramesService", "ResultsService", "CamerasService")
)
_STOP_GRACE_S: Final = 2.0
_log = get_logger("cloud")


@dataclass(frozen=True, slots=True)
class RunningCloud:
    """A cloud that listens."""

    port: int
    store: Store
    registry: CollectorRegistry


@asynccontextmanager
async def running_cloud(
    config: CloudConfig, roles: frozenset[Role] = frozenset(Role), clock: Clock | None = None
) -> AsyncIterator[RunningCloud]:
    """Run the cloud for the length of the block; afterwards everything that was accepted is stored.

    Raises:
        ConfigError: addresses, credentials or paths are wrong.
        ModelError: a model package cannot be used.
        StorageError: the store cannot be opened.
    """
    async with AsyncExitStack() as stack:
        models = await asyncio.to_thread(load_models, config, roles)
        store = await asyncio.to_thread(Store.open, _store_options(config), _written_logs(roles))
        stack.push_async_callback(asyncio.to_thread, store.close)
        parts = Parts(config, roles, store, models, clock or SystemClock())
        threads = running_threads(parts)
        await asyncio.to_thread(threads.__enter__)
        stack.push_async_callback(asyncio.to_thread, threads.__exit__, None, None, None)
        executor = stack.enter_context(ThreadPoolExecutor(config.api.picture_threads, "picture"))
        _serve_metrics(parts, config.metrics, stack)
        port = await _serve(parts, executor, stack)
        if config.listen.port_file is not None:
            _write_port(config.listen.port_file, port)
        yield RunningCloud(port, store, parts.registry)


def _write_port(path: Path, port: int) -> None:
    try:
        path.write_text(f"{port}\n")
    except OSError as error:
        raise ConfigError(
            f"listen.port_file {path} cannot be written: {error.strerror}; name another file"
        ) from error


def _store_options(config: CloudConfig) -> StoreOptions:
    section = config.store
    return StoreOptions(
        section.directory, section.segment_bytes, section.budget_bytes, section.results_budget_bytes
    )


def _written_logs(roles: frozenset[Role]) -> Sequence[str]:
    """Return the logs that these roles write; the others are written by other processes, and read here."""
    writers = {Role.GATEWAY: PACKETS_LOG, Role.WORKER: RESULTS_LOG}
    return [log for role, log in writers.items() if role in roles]


def _serve_metrics(parts: Parts, section: MetricsSection, stack: AsyncExitStack) -> None:
    if section.enabled:
        server = MetricsServer(parts.registry, section.port, section.host)
        stack.callback(server.close)
        _log.info("metrics_served", url=server.url)


async def _serve(parts: Parts, executor: ThreadPoolExecutor, stack: AsyncExitStack) -> int:
    """Start the server and return its port; on the way out streams end with what they were owed."""
    config = parts.config
    server = _make_server(config.limits, parts.gateway_metrics)
    names: list[str] = []
    gateway: Gateway | None = None
    if Role.GATEWAY in parts.roles:
        gateway = _make_gateway(parts)
        server.add_generic_rpc_handlers((gateway.handler(),))
        names.append(SERVICE)
    if Role.API in parts.roles:
        _add_api(server, parts, executor)
        names += _API_SERVICES
    healthy = _add_health(server, names)
    port = listen(server, config.listen.address, config.security)
    await server.start()
    stack.push_async_callback(server.stop, _STOP_GRACE_S)
    if gateway is not None:
        stack.callback(gateway.drain)
    stack.push_async_callback(healthy.enter_graceful_shutdown)
    for name in names:
        await healthy.set(name, health_pb2.HealthCheckResponse.SERVING)
    _log.info("cloud_started", address=config.listen.address, port=port, services=names)
    return port


def _make_server(limits: LimitsSection, metrics: GatewayMetrics) -> grpc.aio.Server:
    counter = RejectCounter(lambda why: metrics.rejected.labels(reason=why.value).inc())
    return grpc.aio.server(
        interceptors=(counter,),
        options=[
            # More than is accepted, so that what is too large is counted and answered here; a call with a
            # message beyond this looks as if its peer had vanished, and is counted as such.
            ("grpc.max_receive_message_length", 4 * limits.message_bytes),
            ("grpc.max_send_message_length", limits.layer_bytes + (64 << 20)),
            # Half-open links are noticed, and agents may ping as often.
            ("grpc.keepalive_time_ms", 20_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
            ("grpc.http2.max_ping_strikes", 0),
            # Calls of one connection at a time; an agent has two, a viewer a few.
            ("grpc.max_concurrent_streams", 256),
            ("grpc.so_reuseport", 0),  # a second cloud on the same port is a mistake, not a helper
        ],
    )


def _make_gateway(parts: Parts) -> Gateway:
    limits = parts.config.limits
    context = StreamContext(
        store=parts.store,
        live=parts.live,
        metrics=parts.gateway_metrics,
        clock=parts.clock,
        software=software_name(),
        message_bytes_max=limits.message_bytes,
        publish=parts.broker.publish if Role.WORKER in parts.roles else _leave_in_index,
        on_pull_refused=parts.pulls.refused,
        on_settings=parts.directions.answered,
        on_left=parts.agent_left,
    )
    session_limits = SessionLimits(
        bitstream=limits.bitstream(),
        cameras_max=limits.cameras_per_agent,
        formats_max=limits.formats_per_camera,
        window_bytes=limits.window_bytes,
        window_frames=limits.window_frames,
        bytes_per_second=limits.bytes_per_second,
        rejects_burst=limits.rejects_burst,
    )
    return Gateway(
        context=context,
        authenticator=parts.authenticator,
        models=parts.models.fingerprints,
        pulls=parts.pulls,
        limits=GatewayLimits(
            session=session_limits,
            delivery=DeliveryLimits(limits.layer_bytes, limits.chunk_bytes),
            streams_max=limits.streams,
            deliveries_max=limits.deliveries,
        ),
    )


def _leave_in_index(_job: object) -> None:
    """Leave a frame to a worker in another process, which finds it in the index."""


def _add_api(server: grpc.aio.Server, parts: Parts, executor: ThreadPoolExecutor) -> None:
    options, callers = parts.config.api, Callers(parts.authenticator)
    frames = FramesApi(
        callers=callers,
        store=parts.store,
        pictures=Pictures(parts.store, parts.models, parts.config.limits.bitstream()),
        pulls=parts.pulls if Role.GATEWAY in parts.roles else None,
        executor=executor,
        options=FramesOptions(options.pull_timeout, options.list_frames),
        clock=parts.clock,
    )
    results = ResultsApi(
        callers=callers,
        store=parts.store,
        bell=parts.bell,
        clock=parts.clock,
        subscribers_max=options.subscribers,
        results_max=options.list_frames,
    )
    cameras = CamerasApi(
        callers=callers,
        store=parts.store,
        live=parts.live,
        directions=parts.directions if Role.GATEWAY in parts.roles else None,
        agent_timeout_s=options.pull_timeout,
    )
    add_FramesServiceServicer_to_server(frames, server)
    add_ResultsServiceServicer_to_server(results, server)
    add_CamerasServiceServicer_to_server(cameras, server)


class _Health(Protocol):
    """As much of the library's health service as is used; it comes without types."""

    async def set(self, service: str, status: int) -> None: ...

    async def enter_graceful_shutdown(self) -> None: ...


def _add_health(server: grpc.aio.Server, names: Sequence[str]) -> _Health:
    """Add health and reflection; services are unknown to health until they are set."""
    healthy: _Health = health.aio.HealthServicer()  # type: ignore[attr-defined]  # there with asyncio
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    reflection.enable_server_reflection((*names, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    return healthy
