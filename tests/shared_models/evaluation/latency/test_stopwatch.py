import gc
from collections import Counter
from functools import partial

import pytest

from shared_models.evaluation.latency import stopwatch
from shared_models.evaluation.latency.stopwatch import BURST, Action, take_turns


def test_everything_takes_its_turn_on_every_frame_in_every_round() -> None:
    turns: list[tuple[str, int]] = []

    def note(name: str, frame: int) -> None:
        turns.append((name, frame))

    actions = [Action(name, partial(note, name)) for name in ("a", "b")]
    take_turns(actions, frames=2, rounds=3, on_round=lambda: None)
    assert turns[:2] == [("a", 0), ("b", 0)]  # nobody is measured cold
    measured = Counter(turns[2:])
    assert set(measured.values()) == {3 * BURST}
    assert set(measured) == {("a", 0), ("b", 0), ("a", 1), ("b", 1)}
    assert [name for name, _ in turns[2 : 2 + 2 * BURST]] == ["a"] * BURST + ["b"] * BURST


class Clock:
    """A clock that only work moves."""

    def __init__(self) -> None:
        self.now_ns = 0

    def perf_counter_ns(self) -> int:
        return self.now_ns

    process_time_ns = perf_counter_ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(stopwatch, "time", clock)
    return clock


def test_work_on_several_frames_has_one_turn_a_round_and_is_told_by_the_frame(clock: Clock) -> None:
    calls: list[int] = []

    def work(frame: int) -> None:
        calls.append(frame)
        clock.now_ns += 8_000_000

    (times,) = take_turns([Action("many", work, frames=8)], 3, 4, lambda: None).values()
    assert calls == [0] * (1 + 4)
    assert (times.best_ms, times.median_ms, times.processor_ms) == (1.0, 1.0, 1.0)


def test_the_best_is_each_frames_own_and_the_median_is_over_everything(clock: Clock) -> None:
    cost_ms = iter([0, *[3, 2, 9], *[10, 30, 20]])  # once to warm up, then a burst a frame

    def work(frame: int) -> None:
        clock.now_ns += 1_000_000 * next(cost_ms)

    (times,) = take_turns([Action("work", work)], 2, 1, lambda: None).values()
    assert times.best_ms == (2 + 10) / 2
    assert times.median_ms == (9 + 10) / 2


def test_the_garbage_collector_rests_and_comes_back_even_after_a_failure() -> None:
    seen: list[bool] = []

    def fail_later(frame: int) -> None:
        seen.append(gc.isenabled())
        if len(seen) > 1:
            raise ValueError(frame)

    with pytest.raises(ValueError, match="0"):
        take_turns([Action(0, fail_later)], 1, 1, lambda: None)
    assert seen == [True, False]
    assert gc.isenabled()
