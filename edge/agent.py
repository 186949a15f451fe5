"""The agent: puts the parts together, runs them, takes them apart. Decisions are elsewhere."""

import asyncio
import contextlib
from functools import partial
from typing import Final

import structlog

from edge.camera import Camera
from edge.capture import CaptureRules, CaptureThread
from edge.config import AgentConfig
from edge.directions import Directions
from edge.encoder import FrameEncoder
from edge.encoder_pool import EncoderPool
from edge.metrics import EdgeMetrics
from edge.model import coding_choice, load_codec
from edge.pull_delivery import PullDelivery
from edge.pulls import PullAnswerer
from edge.ring import Ring
from edge.ring_link import RingLink
from edge.session import BufferPolicy, UplinkSession
from edge.sources.opening import open_source
from edge.status import hello_message, left_fingerprints, status_message
from edge.uplink import Uplink
from edge.wish import Wish
from runtime.backoff import Backoff
from runtime.clock import Clock, SystemClock
from runtime.metrics import MetricsServer
from runtime.segment_log.options import SegmentLogOptions
from runtime.service import ServiceNotifier, feed_watchdog, stop_event
from shared_models.errors import InputError

_CAPTURE_STOP_S: Final = 2.0
"""How long a stopping agent waits for a camera that is busy; its thread dies with the process."""

log = structlog.get_logger(part="edge.agent")


async def run_agent(config: AgentConfig, *, until_done: bool = False) -> None:
    """Run until SIGTERM or SIGINT, or with `until_done` until every file is played and acknowledged.

    Raises:
        ConfigError, ModelError, StorageError: the agent cannot start.
    """
    with stop_event() as stop:
        agent = Agent(config, SystemClock())
        try:
            await agent.run(stop, until_done=until_done)
        finally:
            await agent.close()


class Agent:
    """Everything that runs in one agent process."""

    def __init__(self, config: AgentConfig, clock: Clock) -> None:
        """Load the model, recover the ring, make the cameras; nothing runs yet."""
        self._config = config
        self._metrics = EdgeMetrics()
        self._codec = load_codec(config)
        runtime = self._codec.profile.runtime
        options = SegmentLogOptions(
            segment_bytes=config.ring.segment_bytes,
            budget_bytes=config.ring.budget_bytes,
            sync_interval_s=config.ring.sync_interval_s,
        )
        self._ring = Ring.open(config.ring.directory, options, list(config.cameras), clock)
        self._metrics.ring_budget.set(config.ring.budget_bytes)
        self._pool = EncoderPool(config.encoder.workers)
        encoder = FrameEncoder(self._codec, config.ring.keep, config.ring.source_quality)
        self._cameras = {
            name: Camera(
                name,
                camera,
                coding_choice(camera, runtime),
                widths=runtime.widths,
                ring=self._ring,
                encoder=encoder,
                metrics=self._metrics,
                pool=self._pool,
            )
            for name, camera in config.cameras.items()
        }
        for camera in self._cameras.values():
            follow_wish(camera, self._ring)
        self._threads = [capture_thread(camera, self._ring, clock) for camera in self._cameras.values()]
        self._pulls = self._make_pulls(runtime.enhancement_quality_default)
        self._session = UplinkSession()
        self._ring_link = RingLink(self._ring, self._session, clock, self._metrics)
        self._uplink = self._make_uplink(clock)
        self._server: MetricsServer | None = None

    async def run(self, stop: asyncio.Event, *, until_done: bool) -> None:
        """Run everything until `stop` is set; then drain for a bounded time."""
        notifier = ServiceNotifier()
        if self._config.metrics.enabled:
            metrics = self._config.metrics
            self._server = MetricsServer(self._metrics.registry, metrics.port, metrics.host)
            log.info("metrics_served", url=self._server.url)
        self._ring_link.listen()
        uplink = asyncio.create_task(self._uplink.run())
        housekeeping = asyncio.create_task(self._ring_link.keep_house())
        watchdog = asyncio.create_task(feed_watchdog(notifier, lambda: not uplink.done()))
        waits = [asyncio.create_task(stop.wait()), uplink, housekeeping]
        if until_done:
            waits.append(asyncio.create_task(self._done()))
        for thread in self._threads:
            thread.start()
        cameras = len(self._cameras)
        notifier.ready(f"{cameras} cameras")
        log.info("agent_started", cameras=cameras, providers=self._codec.providers)
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        notifier.stopping("draining")
        await self._stop_cameras()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.link.drain_s_max):
                await self._ring_link.drained()
        log.info("agent_stopped", unsent_frames=self._session.unsent_frames)
        for task in (*waits, watchdog):
            task.cancel()
        for result in await asyncio.gather(*waits, watchdog, return_exceptions=True):
            if isinstance(result, Exception):  # neither the uplink nor housekeeping dies unheard
                raise result

    async def close(self) -> None:
        """Let go of everything; the ring last, with all that was settled."""
        await self._stop_cameras()
        self._pulls.close()
        if self._server is not None:
            await asyncio.to_thread(self._server.close)
        self._ring_link.close()
        await asyncio.to_thread(self._ring.close)

    async def _done(self) -> None:
        """Return when every camera has ended and everything is acknowledged."""
        while not all(
            camera.health.has_ended and not len(camera.mailbox) for camera in self._cameras.values()
        ):
            await asyncio.sleep(0.1)
        await asyncio.to_thread(self._pool.close)
        for camera in self._cameras.values():
            camera.finish()
        await asyncio.sleep(0)  # what the ring announced on the way here reaches the session first
        await self._ring_link.drained()

    async def _stop_cameras(self) -> None:
        """Stop taking pictures, code what waits, and close open gaps."""
        for thread in self._threads:
            thread.stop()
        for thread in self._threads:
            if thread.is_alive():
                await asyncio.to_thread(thread.join, _CAPTURE_STOP_S)
        await asyncio.to_thread(self._pool.close)
        for camera in self._cameras.values():
            camera.finish()

    def _make_pulls(self, quality_default: float) -> PullDelivery:
        config = self._config.pull
        answerer = PullAnswerer(
            self._ring,
            self._codec.beside,
            quality_default=quality_default,
            reports_psnr=config.reports_psnr,
        )
        return PullDelivery(answerer, self._ring, config.waiting_max, self._metrics)

    def _make_uplink(self, clock: Clock) -> Uplink:
        """Tell the session what the ring holds, also of cameras that are no longer configured."""
        names = self._ring.cameras
        for name in names:
            unsent = self._ring.unsent(name)
            policy = self._cameras[name].config.buffer if name in self._cameras else BufferPolicy.ALL
            self._session.add_camera(name, unsent.epoch, policy, unsent.seqs, unsent.gaps)
        config = self._config
        fingerprints = [self._codec.fingerprint, *left_fingerprints(self._ring, self._codec.fingerprint)]
        return Uplink(
            config.link,
            self._session,
            self._ring_link,
            self._pulls,
            hello=lambda: hello_message(config.agent, self._ring, names, fingerprints, clock.boot_id),
            status=lambda: status_message(
                self._ring_link.size_bytes,
                config.ring.budget_bytes,
                self._session.unsent_frames,
                self._cameras,
                ", ".join(self._codec.providers),
            ),
            directions=Directions(self._ring, names, [self._cameras.get(name) for name in names]),
            clock=clock,
            metrics=self._metrics,
        )


def follow_wish(camera: Camera, ring: Ring) -> None:
    """Go on with what the cloud asked of a camera before this start; what no longer fits is dropped."""
    try:
        camera.direct(ring.wish(camera.name))
    except InputError as error:
        log.warning("wish_dropped", camera=camera.name, reason=str(error))
        ring.keep_wish(camera.name, Wish())


def capture_thread(camera: Camera, ring: Ring, clock: Clock) -> CaptureThread:
    """Return the thread that fills the camera's mailbox, not yet started."""
    config = camera.config
    rules = CaptureRules(config.long_side_px, config.is_live, getattr(config.source, "loop", False))
    return CaptureThread(
        camera.name,
        ring.epoch(camera.name),
        partial(open_source, config.source),
        rules,
        mailbox=camera.mailbox,
        limiter=camera.limiter,
        health=camera.health,
        observer=camera,
        clock=clock,
        backoff=Backoff(),
    )
