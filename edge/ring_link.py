"""The ring as the uplink's event loop sees it: events come in, what touches the disk has its own thread."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

import structlog

from edge.gaps import Gap, GapReason, GapTracker
from edge.metrics import EdgeMetrics
from edge.ring import FrameKept, Ring, RingEvent
from edge.ring_records import KeptFrame
from edge.session import Settled, UplinkSession
from runtime.clock import Clock

CHECKPOINT_S: Final = 2.0

P = ParamSpec("P")
R = TypeVar("R")

log = structlog.get_logger(part="edge.ring")


class RingLink:
    """Carries frames and gaps from the ring to the session, and what was settled or lost back to the ring."""

    def __init__(self, ring: Ring, session: UplinkSession, clock: Clock, metrics: EdgeMetrics) -> None:
        """Join `ring` and `session`."""
        self._ring = ring
        self._session = session
        self._clock = clock
        self._metrics = metrics
        self._fresh: OrderedDict[tuple[str, int], KeptFrame] = OrderedDict()
        """Live frames, so that they need not be read back from the disk."""
        self._lost = {name: GapTracker(name, ring.epoch(name)) for name in ring.cameras}
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="uplink-disk")
        self._settled = asyncio.Event()
        self.changed = asyncio.Event()
        """Set whenever the session may have something new to send."""
        self.size_bytes = ring.stats.size_bytes
        """What the ring takes on disk, as of the last look: asking it might wait for the disk."""

    def listen(self) -> None:
        """Hear of every frame and gap from now on; call it inside the event loop."""
        loop = asyncio.get_running_loop()

        def on_event(event: RingEvent) -> None:
            loop.call_soon_threadsafe(self._on_event, event)

        self._ring.subscribe(on_event)

    async def frame(self, name: str, seq: int) -> KeptFrame:
        """Return a frame that is to be sent; raise NotHeldError or StorageError."""
        fresh = self._fresh.get((name, seq))
        return fresh if fresh is not None else await self.on_disk(self._ring.read_frame, name, seq)

    def sent(self, name: str, seq: int) -> None:
        """Let go of a frame that was sent: if it is needed again, it is read from the disk."""
        self._fresh.pop((name, seq), None)

    def lose(self, name: str, seq: int, reason: GapReason) -> None:
        """Record that a frame will not be sent."""
        frame = self._fresh.pop((name, seq), None)
        capture_ns = self._clock.wall_ns() if frame is None else frame.time.capture_ns
        self._session.frame_lost(name, seq)
        self._keep(self._lost[name].miss_frame(reason, seq, capture_ns))

    def settle(self, settled: Settled) -> None:
        """Have the ring remember what the cloud has."""
        self._metrics.acknowledged.labels(settled.camera).inc(settled.frames)
        self._submit(self._ring.settle, settled.camera, settled.spans, settled.gap_ids)
        self._settled.set()
        self.changed.set()

    async def drained(self) -> None:
        """Return when everything, gaps too, is acknowledged."""
        for tracker in self._lost.values():
            self._keep(tracker.close())
        await self.on_disk(lambda: None)  # what was just recorded is announced by now
        while not self._session.is_idle:
            self._settled.clear()
            await self._settled.wait()

    async def keep_house(self) -> None:
        """Close gaps that do not grow any more, write the ring's state, set slow metrics; until cancelled."""
        while True:
            await asyncio.sleep(CHECKPOINT_S)
            for tracker in self._lost.values():
                self._keep(tracker.close_idle())
            self.size_bytes = await self.on_disk(self._checkpoint)
            self._metrics.ring.set(self.size_bytes)
            self._metrics.ring_errors.set(self._ring.write_errors)
            self._metrics.backlog.set(self._session.unsent_frames)

    def close(self) -> None:
        """Finish what is on its way to the disk."""
        self._disk.shutdown()

    def _checkpoint(self) -> int:
        self._ring.checkpoint()
        return self._ring.stats.size_bytes

    def _on_event(self, event: RingEvent) -> None:
        if isinstance(event, FrameKept):
            frame = event.frame
            self._fresh[frame.camera, frame.seq] = frame
            for seq in self._session.frame_kept(frame.camera, frame.seq):
                is_up = self._session.is_connected
                self.lose(frame.camera, seq, GapReason.EVICTED if is_up else GapReason.LINK_DOWN)
            while len(self._fresh) > self._session.live_frames_max * len(self._lost):
                self._fresh.popitem(last=False)
        else:
            self._session.gap_kept(event.gap)
            self._metrics.gaps.labels(event.gap.camera, event.gap.reason.name.lower()).inc()
        self.changed.set()

    def _keep(self, gaps: Sequence[Gap]) -> None:
        for gap in gaps:
            self._submit(self._ring.append_gap, gap)

    def _submit(self, function: Callable[P, object], *arguments: P.args, **keywords: P.kwargs) -> None:
        """Have the disk's thread do something that nobody waits for; a bug in it is not swallowed."""
        self._disk.submit(function, *arguments, **keywords).add_done_callback(_report)

    async def on_disk(self, function: Callable[P, R], *arguments: P.args, **keywords: P.kwargs) -> R:
        """Run a function in the disk's thread, behind what was asked of it before."""
        return await asyncio.wrap_future(self._disk.submit(function, *arguments, **keywords))


def _report(done: Future[object]) -> None:
    error = done.exception()
    if error is not None:
        log.error("ring_task_failed", exc_info=error)
