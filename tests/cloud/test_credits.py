"""Credits: what may be in flight, and how fast it comes back."""

from hypothesis import given
from hypothesis import strategies as st

from cloud.credits import CreditWindow

SECOND_NS = 10**9


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, SECOND_NS)), max_size=60))
def test_a_peer_that_keeps_to_its_credits_never_has_more_than_a_window_in_flight(
    frames: list[tuple[int, int]],
) -> None:
    window = CreditWindow(1000, 8, 10_000, 0)
    now, left_bytes, left_frames, in_flight = 0, 0, 0, list[int]()
    for size, pause_ns in frames:
        now += pause_ns
        if granted := window.grant(now):
            left_bytes, left_frames = left_bytes + granted.payload_bytes, left_frames + granted.frames
        if left_bytes >= size and left_frames >= 1:
            assert window.spend(size)
            left_bytes, left_frames = left_bytes - size, left_frames - 1
            in_flight.append(size)
        elif in_flight:
            window.settle(in_flight.pop(0))
        assert sum(in_flight) + left_bytes <= 1000
        assert len(in_flight) + left_frames <= 8


def test_everything_that_is_settled_can_be_sent_again() -> None:
    window = CreditWindow(1000, 8, 10**9, 0)
    assert window.grant(0) is not None
    sent, now, left = 0, 0, 1000
    for _ in range(500):
        now += SECOND_NS // 100
        if left >= 300:
            window.spend(300)
            window.settle(300)
            left, sent = left - 300, sent + 300
        if granted := window.grant(now):
            left += granted.payload_bytes
    assert sent == 150_000


def test_credits_come_no_faster_than_the_rate() -> None:
    window = CreditWindow(1000, 1000, 100, 0)
    granted = 0
    for tick in range(1, 1001):
        if more := window.grant(tick * SECOND_NS // 100):
            granted += more.payload_bytes
            window.spend(more.payload_bytes)
            window.settle(more.payload_bytes)
    assert granted <= 1000 + 10 * 100


def test_a_peer_that_goes_a_whole_window_beyond_its_credits_is_found_out() -> None:
    window = CreditWindow(1000, 8, 10_000, 0)
    window.grant(0)
    assert window.spend(1900)
    assert not window.spend(200)
