import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_models.entropy.cdf import TOTAL, cumulative_counts, expected_bits

probabilities = st.lists(st.floats(0.0, 1.0), min_size=2, max_size=300).filter(lambda row: sum(row) > 0)


@given(probabilities)
def test_counts_rise_strictly_from_zero_to_the_total(row: list[float]) -> None:
    counts = cumulative_counts(np.array(row)).astype(np.int64)
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
