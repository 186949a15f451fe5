"""Clock offset, stepped clocks, and the machine's own clocks."""

from hypothesis import given
from hypothesis import strategies as st

from runtime.clock import STEP_NS_MIN, ClockOffset, ManualClock, StepDetector, SystemClock

MS = 1_000_000
delays = st.integers(0, 500 * MS)


@given(
    offset_ns=st.integers(-(10**15), 10**15),
    exchanges=st.lists(st.tuples(delays, delays, delays), min_size=1, max_size=20),
)
def test_the_true_offset_is_within_the_stated_uncertainty(
    offset_ns: int, exchanges: list[tuple[int, int, int]]
) -> None:
    clock = ClockOffset()
    now = 10**18
    for there, pause, back in exchanges:
        sent, received = now, now + there + offset_ns
        replied, now = received + pause, now + there + pause + back
        clock.add(sent, received, replied, now)
        estimate = clock.estimate(now)
        assert estimate is not None
        assert abs(estimate.offset_ns - offset_ns) <= estimate.uncertainty_ns + 1
        now += 1000 * MS


def test_the_quickest_exchange_counts_and_ages() -> None:
    clock = ClockOffset()
    clock.add(0, 105 * MS, 105 * MS, 10 * MS)  # 10 ms there and back
    clock.add(1000 * MS, 1400 * MS, 1400 * MS, 1400 * MS)  # a queue on the way
    estimate = clock.estimate(1400 * MS)
    assert estimate is not None
    assert estimate.offset_ns == 100 * MS
    assert estimate.round_trip_ns == 10 * MS
    later = clock.estimate(3_600_000 * MS)
    assert later is not None
    assert later.uncertainty_ns > estimate.uncertainty_ns


def test_exchanges_that_steady_clocks_cannot_have_are_ignored() -> None:
    clock = ClockOffset()
    clock.add(sent_ns=100, received_ns=0, replied_ns=1000, returned_ns=200)
    clock.add(sent_ns=100, received_ns=50, replied_ns=0, returned_ns=200)
    clock.add(sent_ns=100, received_ns=0, replied_ns=0, returned_ns=50)
    assert clock.estimate(1000) is None


def test_nothing_is_known_after_a_reset() -> None:
    clock = ClockOffset()
    clock.add(0, 5, 5, 10)
    clock.reset()
    assert clock.estimate(10) is None


@given(step_ns=st.integers(STEP_NS_MIN, 10**15), sign=st.sampled_from([-1, 1]))
def test_a_stepped_clock_is_noticed_with_its_size(step_ns: int, sign: int) -> None:
    clock, detector = ManualClock(), StepDetector()
    assert detector.observe(clock.wall_ns(), clock.monotonic_ns(), clock.boot_id) == 0
    clock.advance(5_000_000_000)
    clock.step(sign * step_ns)
    assert detector.observe(clock.wall_ns(), clock.monotonic_ns(), clock.boot_id) == sign * step_ns
    clock.advance(5_000_000_000)
    assert detector.observe(clock.wall_ns(), clock.monotonic_ns(), clock.boot_id) == 0


def test_slow_drift_never_adds_up_to_a_step() -> None:
    clock, detector = ManualClock(), StepDetector()
    for _ in range(1000):
        clock.advance(1_000_000_000)
        clock.step(MS)
        assert detector.observe(clock.wall_ns(), clock.monotonic_ns(), clock.boot_id) == 0


def test_a_pause_and_a_reboot_are_no_steps() -> None:
    detector = StepDetector()
    before = ManualClock(wall_ns=10**18, monotonic_ns=10**15, boot_id="a" * 16)
    after = ManualClock(wall_ns=2 * 10**18, monotonic_ns=5, boot_id="b" * 16)
    detector.observe(before.wall_ns(), before.monotonic_ns(), before.boot_id)
    before.advance(10**14)
    assert detector.observe(before.wall_ns(), before.monotonic_ns(), before.boot_id) == 0
    assert detector.observe(after.wall_ns(), after.monotonic_ns(), after.boot_id) == 0


def test_the_system_clock_names_its_boot() -> None:
    clock = SystemClock()
    assert len(clock.boot_id) == 16
    assert int(clock.boot_id, 16) >= 0
    assert clock.boot_id == SystemClock().boot_id
    assert clock.monotonic_ns() <= clock.monotonic_ns()
    assert clock.wall_ns() > 1_700_000_000_000_000_000
