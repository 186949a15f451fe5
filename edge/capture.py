"""A camera's own thread: opens the source, takes pictures at the wanted rate, reconnects when it fails."""

import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from edge.gaps import Gap, GapReason, GapTracker, new_gap_id
from edge.gate import RateLimiter
from edge.health import CameraHealth
from edge.mailbox import Mailbox
from edge.sources.source import Grab, Source
from runtime.backoff import Backoff
from runtime.clock import Clock, StepDetector
from shared_models.errors import SourceError
from shared_models.frames import CaptureTime, Pixels

_BAD_PICTURES_MAX: Final = 50
"""Pictures in a row that cannot be converted before the source counts as down."""
_STEADY_S: Final = 10.0
"""A source that has worked for this long reconnects at once when it fails."""
_DOWN_REPORT_S: Final = 5.0

log = structlog.get_logger(part="edge.capture")


@dataclass(frozen=True, slots=True)
class Captured:
    """A picture as it leaves the source: scaled, not yet masked."""

    time: CaptureTime
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class CaptureRules:
    """How pictures are taken.

    `is_paced` plays a medium with a timeline at its own speed; `loops` begins it again at its end.
    """

    long_side_px: int
    is_paced: bool
    loops: bool


class CaptureObserver(Protocol):
    """Who hears of what happens in the thread."""

    def picture_taken(self) -> None:
        """A picture waits in the mailbox."""
        ...

    def source_failed(self) -> None:
        """The source failed and will be opened again."""
        ...

    def source_ended(self) -> None:
        """A medium has come to its end: no picture follows those that wait."""
        ...

    def keep_gaps(self, gaps: list[Gap]) -> None:
        """Record these gaps."""
        ...


class CaptureThread(threading.Thread):
    """Runs one source for as long as the agent does; its failures stay its own."""

    def __init__(
        self,
        camera: str,
        epoch: int,
        open_source: Callable[[], Source],
        rules: CaptureRules,
        *,
        mailbox: Mailbox[Captured],
        limiter: RateLimiter,
        health: CameraHealth,
        observer: CaptureObserver,
        clock: Clock,
        backoff: Backoff,
    ) -> None:
        """Take what the thread needs; `start` it."""
        super().__init__(name=f"capture-{camera}", daemon=True)
        self._camera = camera
        self._epoch = epoch
        self._open_source = open_source
        self._rules = rules
        self._mailbox = mailbox
        self._limiter = limiter
        self._health = health
        self._observer = observer
        self._clock = clock
        self._backoff = backoff
        self._is_stopping = threading.Event()
        self._steps = StepDetector()
        self._down = GapTracker(camera, epoch)
        self._last_ns = clock.wall_ns()

    def stop(self) -> None:
        """Ask the thread to end; it does so at its next picture, or when its source gives up."""
        self._is_stopping.set()
        self._mailbox.close()

    def run(self) -> None:
        """Take pictures until stopped; behind the end of a medium that does not loop there are none."""
        while not self._is_stopping.is_set():
            started_s = time.monotonic()
            try:
                with closing(self._open_source()) as source:
                    self._take_pictures(source)
                if not self._rules.loops and not self._is_stopping.is_set():
                    log.info("source_ended", camera=self._camera)
                    self._health.ended()
                    self._observer.source_ended()
                    self._stay_ended()
            except SourceError as error:
                self._fail(str(error), started_s)
            except Exception as error:  # a library's bug costs this camera, not the agent
                log.exception("source_crashed", camera=self._camera)
                self._fail(f"{type(error).__name__} in the source; see the log", started_s)
        self._observer.keep_gaps(self._down.close())

    def _stay_ended(self) -> None:
        """Explain the time behind a medium's end for as long as the agent goes on."""
        while not self._is_stopping.wait(_DOWN_REPORT_S):
            self._miss_until_now()

    def _miss_until_now(self) -> None:
        moment = self._now()
        self._mark_step(moment)
        gaps = self._down.miss_time(GapReason.SOURCE_DOWN, self._last_ns, moment.capture_ns)
        self._observer.keep_gaps(gaps)

    def _take_pictures(self, source: Source) -> None:
        """Put pictures into the mailbox until the medium ends; raise SourceError."""
        pace = Pace()
        bad_pictures = 0
        is_empty = True
        while not self._is_stopping.is_set() and (grab := source.grab()) is not None:
            is_empty = False
            monotonic_ns = self._clock.monotonic_ns()
            media_s = grab.media_s if grab.media_s is not None else monotonic_ns / 1e9
            if not self._limiter.admits(media_s):
                continue
            if self._rules.is_paced and self._is_stopping.wait(pace.pause_s(grab.media_s, time.monotonic())):
                return
            try:
                captured = self._capture(grab)
                bad_pictures = 0
            except SourceError as error:
                bad_pictures += 1
                log.warning("picture_lost", camera=self._camera, reason=str(error))
                if bad_pictures > _BAD_PICTURES_MAX:
                    raise
                continue
            self._arrived(captured.time)
            if self._mailbox.put(captured):
                self._observer.picture_taken()
        if is_empty and not self._is_stopping.is_set():
            raise SourceError("the source ended before its first picture; is the file or directory empty?")

    def _capture(self, grab: Grab) -> Captured:
        moment = self._now()
        return Captured(moment, grab.picture(self._rules.long_side_px))

    def _now(self) -> CaptureTime:
        return CaptureTime(self._clock.wall_ns(), self._clock.monotonic_ns(), self._clock.boot_id)

    def _arrived(self, moment: CaptureTime) -> None:
        """Note that the source works; close the gap before it."""
        self._mark_step(moment)
        if not self._health.is_up:
            log.info("source_came_up", camera=self._camera)
            self._health.up()
            self._observer.keep_gaps(self._down.close(moment.capture_ns))
        self._last_ns = moment.capture_ns

    def _mark_step(self, moment: CaptureTime) -> None:
        """Record it if the wall clock was set since the last look; what was missing until then ends there.

        The gap lies between the time that the clock would show and the one that it shows: set forward, it
        holds no real time; set back, it is passed through twice.
        """
        stepped_ns = self._steps.observe(moment.capture_ns, moment.monotonic_ns, moment.boot_id)
        if stepped_ns == 0:
            return
        log.warning("clock_stepped", camera=self._camera, stepped_s=round(stepped_ns / 1e9, 3))
        expected_ns = moment.capture_ns - stepped_ns
        start_ns, end_ns = sorted((expected_ns, moment.capture_ns))
        reason = GapReason.CLOCK_STEPPED
        gap = Gap(self._camera, self._epoch, start_ns, end_ns, reason, None, 0, new_gap_id())
        self._observer.keep_gaps([*self._down.close(expected_ns), gap])
        self._last_ns = moment.capture_ns

    def _fail(self, error: str, started_s: float) -> None:
        """Report the failure, and wait before the next try, keeping the gap up to date."""
        if time.monotonic() - started_s > _STEADY_S:
            self._backoff.reset()
        delay_s = self._backoff.next_s()
        log.warning("source_failed", camera=self._camera, reason=error, retry_s=round(delay_s, 2))
        self._health.down(error)
        self._observer.source_failed()
        until_s = time.monotonic() + delay_s
        while True:
            self._miss_until_now()
            left_s = until_s - time.monotonic()
            if left_s <= 0 or self._is_stopping.wait(min(left_s, _DOWN_REPORT_S)):
                return


class Pace:
    """Plays a medium at its own speed: how long until a position is due. Sans-I/O."""

    def __init__(self) -> None:
        """Start at the first position asked for."""
        self._origin_s: float | None = None

    def pause_s(self, media_s: float | None, now_s: float) -> float:
        """Return how long to wait for `media_s` at the time `now_s`; 0 without a timeline, or if late."""
        if media_s is None:
            return 0.0
        if self._origin_s is None:
            self._origin_s = now_s - media_s
        return max(0.0, self._origin_s + media_s - now_s)
