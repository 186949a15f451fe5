"""Which frames pass: at the wanted rate, and when something changed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.gate import ChangeGate, GateRules, RateLimiter, Reason
from shared_models.frames import Pixels

RULES = GateRules(threshold=0.03, hold_s=1.0, interval_s_max=10.0)


def scene(seed: int = 0, person_at: int | None = None, brightness: float = 1.0) -> Pixels:
    """A noisy 320×240 street; a person is 12×36 pixels, half a percent of the picture."""
    x = np.linspace(60, 150, 320)[None, :, None] * np.ones((240, 1, 3))
    if person_at is not None:
        x[100:136, person_at : person_at + 12] = 20
    noise = np.random.default_rng(seed).normal(0, 4, x.shape)
    return np.clip(x * brightness + noise, 0, 255).astype(np.uint8)


def test_the_first_frame_passes() -> None:
    assert ChangeGate(RULES).decide(scene(), 0.0).reason is Reason.FIRST


def test_sensor_noise_does_not_open_the_gate() -> None:
    gate = ChangeGate(RULES)
    gate.decide(scene(0), 0.0)
    assert not any(gate.decide(scene(seed), seed / 10).is_open for seed in range(1, 50))


def test_something_small_that_appears_opens_it() -> None:
    gate = ChangeGate(RULES)
    gate.decide(scene(0), 0.0)
    decision = gate.decide(scene(1, person_at=150), 0.5)
    assert decision.reason is Reason.CHANGE
    assert 0.03 < decision.score < 1


def test_a_change_of_exposure_does_not() -> None:
    gate = ChangeGate(GateRules(0.05, 1.0, 10.0))
    gate.decide(scene(0), 0.0)
    assert not gate.decide(scene(1, brightness=1.1), 0.5).is_open


def test_slow_change_adds_up_until_it_counts() -> None:
    gate = ChangeGate(GateRules(0.05, 1.0, 1000.0))
    reasons = [gate.decide(scene(0, person_at=2 * step), float(step)).reason for step in range(30)]
    assert Reason.CHANGE in reasons[1:]


def test_an_open_gate_holds_and_then_closes() -> None:
    gate = ChangeGate(RULES)
    gate.decide(scene(0), 0.0)
    gate.decide(scene(1, person_at=150), 1.0)
    after = [gate.decide(scene(2 + step, person_at=150), 1.1 + step / 2).reason for step in range(5)]
    assert after == [Reason.HOLD, Reason.HOLD, Reason.STILL, Reason.STILL, Reason.STILL]


def test_a_still_scene_is_sent_now_and_then() -> None:
    gate = ChangeGate(RULES)
    passed = [second for second in range(31) if gate.decide(scene(second), float(second)).is_open]
    assert passed == [0, 10, 20, 30]


def test_threshold_zero_passes_everything() -> None:
    gate = ChangeGate(GateRules(0.0, 0.0, 10.0))
    assert all(gate.decide(scene(0), step / 100).is_open for step in range(5))


def test_a_camera_that_jitters_still_gives_the_wanted_rate() -> None:
    limiter = RateLimiter(10.0)
    jitter = np.random.default_rng(0).uniform(-0.004, 0.004, 300)
    passed = sum(limiter.admits(index / 30 + jitter[index]) for index in range(300))
    assert passed == pytest.approx(100, abs=2)


def test_a_loop_that_starts_over_is_not_silent() -> None:
    limiter = RateLimiter(5.0)
    assert limiter.admits(100.0)
    assert limiter.admits(0.0)
    assert not limiter.admits(0.1)


@given(rate=st.floats(0.5, 60), steps=st.lists(st.floats(0.001, 2.0), min_size=1, max_size=100))
def test_no_more_passes_than_the_rate_allows(rate: float, steps: list[float]) -> None:
    limiter = RateLimiter(rate)
    times = np.cumsum(steps)
    passed = [float(t) for t in times if limiter.admits(float(t))]
    assert len(passed) <= (times[-1] - times[0]) * rate + 1 + 0.2
