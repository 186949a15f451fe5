import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_models.entropy.cdf import TOTAL, cumulative_counts, expected_bits


@given(st.integers(0, 2**32), st.integers(2, 300), st.sampled_from([0.01, 1.0, 30.0]), st.booleans())
def test_counts_rise_strictly_from_zero_to_the_total(
    seed: int, slots: int, evenness: float, has_empty_slots: bool
) -> None:
    rng = np.random.default_rng(seed)
    row = rng.gamma(evenness, size=slots) + 1e-300
    if has_empty_slots:
        row[1:][rng.random(slots - 1) < 0.5] = 0.0
    counts = cumulative_counts(row).astype(np.int64)
    assert counts[0] == 0
    assert counts[-1] == TOTAL
    assert (np.diff(counts) >= 1).all()


def test_a_table_of_as_many_slots_as_counts_gives_each_one() -> None:
    assert (np.diff(cumulative_counts(np.arange(1, TOTAL + 1, dtype=np.float64)).astype(np.int64)) == 1).all()


@pytest.mark.parametrize("slots", [2, 3, 17, 200])
def test_rounding_costs_less_than_a_thousandth_of_a_bit(slots: int) -> None:
    row = np.random.default_rng(slots).dirichlet(np.full(slots, 0.7)) + 1e-4
    row /= row.sum()
    entropy = float(-(row * np.log2(row)).sum())
    assert entropy <= expected_bits(row, cumulative_counts(row)) < entropy + 1e-3


@pytest.mark.parametrize("row", [[1.0], [0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_what_is_no_distribution_is_refused(row: list[float]) -> None:
    with pytest.raises(ValueError, match="table"):
        cumulative_counts(np.array(row))
