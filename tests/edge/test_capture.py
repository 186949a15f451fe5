"""A camera's thread: rate, reconnects, gaps that are true, and an end when it is asked for."""

import random
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from edge import capture
from edge.capture import Captured, CaptureRules, CaptureThread, Pace
from edge.gaps import Gap, GapReason
from edge.gate import RateLimiter
from edge.health import CameraHealth
from edge.mailbox import Mailbox
from edge.sources.source import Grab, Source
from runtime.backoff import Backoff
from runtime.clock import ManualClock
from shared_models.errors import SourceError
from shared_models.frames import Pixels
from tests.edge.sources.media import index_of, striped
from tests.edge.waiting import LIMIT_S

SECOND = 10**9


def picture_of(index: int, _long_side_px: int) -> Pixels:
    return striped(index)


class Script:
    """A source that plays a list: pictures by index, errors to raise, calls to make; then it ends."""

    def __init__(self, *steps: "int | Exception | Callable[[], None]") -> None:
        self.steps: Iterator[int | Exception | Callable[[], None]] = iter(steps)
        self.is_closed = False

    def grab(self) -> Grab | None:
        for step in self.steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, int):
                return Grab(step / 10, partial(picture_of, step))
            step()
        return None

    def close(self) -> None:
        self.is_closed = True


class Observer:
    def __init__(self, health: CameraHealth) -> None:
        self.health = health
        self.gaps: list[Gap] = []
        self.errors: list[str] = []
        self.pictures = 0
        self.on_failure: Callable[[], None] = lambda: None
        self.on_end: Callable[[], None] = lambda: None
        self.on_gaps: Callable[[], None] = lambda: None

    def picture_taken(self) -> None:
        self.pictures += 1

    def source_failed(self) -> None:
        self.errors.append(self.health.at(0.0).last_error)
        self.on_failure()

    def source_ended(self) -> None:
        self.on_end()

    def keep_gaps(self, gaps: list[Gap]) -> None:
        self.gaps += gaps
        self.on_gaps()


class Rig:
    """A thread over scripted sources, one after the other; it is asked to stop behind the last."""

    def __init__(self, *sources: Source | Exception, loops: bool = False, rate: float = 100.0) -> None:
        self.sources = list(sources)
        self.clock = ManualClock()
        self.mailbox: Mailbox[Captured] = Mailbox(100, keeps_newest=True)
        self.health = CameraHealth()
        self.observer = Observer(self.health)
        self.thread = CaptureThread(
            "cam",
            5,
            self._open,
            CaptureRules(640, is_paced=False, loops=loops),
            mailbox=self.mailbox,
            limiter=RateLimiter(rate),
            health=self.health,
            observer=self.observer,
            clock=self.clock,
            backoff=Backoff(first_s=0.001, limit_s=0.001, random=random.Random(0)),
        )

        self.observer.on_end = self.thread.stop

    def _open(self) -> Source:
        if not self.sources:
            self.thread.stop()
            raise SourceError("no more")
        source = self.sources.pop(0)
        if isinstance(source, Exception):
            raise source
        return source

    def run(self) -> list[int]:
        """Run to the end in this thread; return the pictures' indices."""
        self.thread.run()
        pictures = []
        while (captured := self.mailbox.take()) is not None:
            pictures.append(index_of(captured.pixels))
        return pictures


def test_a_file_is_played_once() -> None:
    source = Script(0, 1, 2)
    rig = Rig(source)
    assert rig.run() == [0, 1, 2]
    assert source.is_closed
    assert rig.health.at(0.0).has_ended
    assert rig.observer.gaps == []


def test_the_time_behind_the_end_of_a_file_is_explained_while_it_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(capture, "_DOWN_REPORT_S", 0.01)
    rig = Rig(Script(0))
    end_ns = rig.clock.wall_ns()
    rig.observer.on_end = lambda: rig.clock.advance(70 * SECOND)
    rig.observer.on_gaps = lambda: rig.thread.stop() if rig.observer.gaps else None
    assert rig.run() == [0]
    gap = rig.observer.gaps[0]
    assert (gap.reason, gap.start_ns, gap.end_ns) == (
        GapReason.SOURCE_DOWN,
        end_ns,
        end_ns + 70 * SECOND,
    )


def test_a_loop_begins_again() -> None:
    assert Rig(Script(0, 1), Script(0, 1), loops=True).run() == [0, 1, 0, 1]


def test_a_loop_over_nothing_is_a_failure_and_not_a_busy_loop() -> None:
    rig = Rig(Script(), loops=True)
    rig.run()
    assert "before its first picture" in rig.observer.errors[0]


def test_only_the_wanted_rate_is_taken() -> None:
    assert Rig(Script(*range(10)), rate=5.0).run() == [0, 2, 4, 6, 8]


def test_a_camera_that_dies_and_returns_leaves_a_true_gap() -> None:
    rig = Rig(loops=True)
    down_ns: list[int] = []

    def die() -> None:
        down_ns.append(rig.clock.wall_ns())
        rig.clock.advance(30 * SECOND)

    rig.sources = [Script(0, 1, die, SourceError("unplugged")), SourceError("still away"), Script(2)]
    assert rig.run() == [0, 1, 2]
    assert rig.observer.errors[:2] == ["unplugged", "still away"]
    gap = rig.observer.gaps[0]
    assert (gap.reason, gap.seqs, gap.start_ns) == (GapReason.SOURCE_DOWN, None, down_ns[0])
    assert gap.end_ns == down_ns[0] + 30 * SECOND


def test_a_bug_in_a_source_is_a_failure_of_that_source() -> None:
    rig = Rig(RuntimeError("a library's bug"), Script(4), loops=True)
    assert rig.run() == [4]
    assert "RuntimeError" in rig.observer.errors[0]


def test_one_bad_picture_costs_itself() -> None:
    class OneBad(Script):
        def grab(self) -> Grab | None:
            grab = super().grab()
            if grab is not None and grab.media_s == 0.1:

                def fail(_long_side_px: int) -> Pixels:
                    raise SourceError("damaged")

                return Grab(grab.media_s, fail)
            return grab

    rig = Rig(OneBad(0, 1, 2))
    assert rig.run() == [0, 2]
    assert rig.observer.errors == []


def test_a_clock_that_is_set_is_marked_by_a_gap_between_both_times() -> None:
    rig = Rig()
    rig.sources = [Script(0, lambda: rig.clock.step(100 * SECOND), 1, lambda: rig.clock.step(-9 * SECOND), 2)]
    start_ns = rig.clock.wall_ns()
    assert rig.run() == [0, 1, 2]
    forward, back = rig.observer.gaps
    assert forward.reason is back.reason is GapReason.CLOCK_STEPPED
    assert (forward.start_ns, forward.end_ns) == (start_ns, start_ns + 100 * SECOND)
    assert (back.start_ns, back.end_ns) == (start_ns + 91 * SECOND, start_ns + 100 * SECOND)


@pytest.mark.parametrize("step_s", [3600, -3600])
def test_a_clock_that_is_set_while_the_source_is_down_does_not_stretch_the_gap(step_s: int) -> None:
    rig = Rig()
    start_ns = rig.clock.wall_ns()

    def away() -> None:
        rig.clock.advance(5 * SECOND)
        rig.clock.step(step_s * SECOND)
        raise SourceError("away")

    rig.sources = [Script(0, away), Script(1)]
    assert rig.run() == [0, 1]
    down = [gap for gap in rig.observer.gaps if gap.reason is GapReason.SOURCE_DOWN]
    (step,) = [gap for gap in rig.observer.gaps if gap.reason is GapReason.CLOCK_STEPPED]
    assert sum(gap.end_ns - gap.start_ns for gap in down) <= 5 * SECOND
    assert step.end_ns - step.start_ns == 3600 * SECOND
    assert start_ns + 5 * SECOND in (step.start_ns, step.end_ns)


def test_a_thread_that_waits_to_reconnect_stops_at_once() -> None:
    rig = Rig(SourceError("away"))
    rig.thread._backoff = Backoff(first_s=3600, limit_s=3600, jitter=0)
    failed = threading.Event()
    rig.observer.on_failure = failed.set
    rig.thread.start()
    assert failed.wait(LIMIT_S)
    rig.thread.stop()
    rig.thread.join(LIMIT_S)
    assert not rig.thread.is_alive()
    assert [gap.reason for gap in rig.observer.gaps] == [GapReason.SOURCE_DOWN]


def test_a_medium_plays_at_its_own_speed() -> None:
    pace = Pace()
    assert pace.pause_s(10.0, 100.0) == 0.0
    assert pace.pause_s(10.5, 100.1) == pytest.approx(0.4)
    assert pace.pause_s(11.0, 105.0) == 0.0
    assert pace.pause_s(None, 105.0) == 0.0
