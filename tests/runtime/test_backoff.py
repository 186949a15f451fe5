"""How long to wait before trying again."""

import random

from hypothesis import given
from hypothesis import strategies as st

from runtime.backoff import Backoff


@given(st.integers(0, 2**32), st.integers(1, 2000))
def test_delays_stay_between_their_bounds(seed: int, tries: int) -> None:
    backoff = Backoff(first_s=0.5, limit_s=30.0, random=random.Random(seed))
    for attempt in range(tries):
        nominal = min(30.0, 0.5 * 2 ** min(attempt, 20))
        assert nominal / 2 <= backoff.next_s() <= nominal


def test_a_success_starts_over() -> None:
    backoff = Backoff(first_s=1.0, jitter=0.0)
    assert [backoff.next_s() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    backoff.reset()
    assert backoff.next_s() == 1.0


def test_two_agents_do_not_return_together() -> None:
    one, other = (Backoff(random=random.Random(seed)) for seed in (1, 2))
    assert [one.next_s() for _ in range(5)] != [other.next_s() for _ in range(5)]
