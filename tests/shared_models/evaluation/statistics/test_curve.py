import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_models.evaluation.statistics.bytes_at import BytesAt, bytes_at
from shared_models.evaluation.statistics.curve import Curve

points = st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 1000)), min_size=1, max_size=12)


@given(points)
def test_a_curve_rises_in_both_directions_and_holds_its_best_point(found: list[tuple[int, int]]) -> None:
    curve = Curve.of([x for x, _ in found], [y / 1000 for _, y in found])
    assert (np.diff(curve.bytes) > 0).all()
    assert (np.diff(curve.accuracy) > 0).all()
    assert curve.accuracy[-1] == max(y for _, y in found) / 1000


def test_a_quality_that_costs_more_for_less_is_left_out() -> None:
    curve = Curve.of([100, 200, 300], [0.1, 0.3, 0.2])
    assert curve.bytes.tolist() == [100, 200]


def test_bytes_at_a_measured_accuracy_are_the_measured_bytes() -> None:
    curve = Curve.of([100, 200, 400], [0.1, 0.2, 0.3])
    found = bytes_at(curve, 0.2)
    assert found is not None
    assert found.bytes == pytest.approx(200)


def test_between_two_points_bytes_are_interpolated_on_their_logarithm() -> None:
    found = bytes_at(Curve.of([100, 400], [0.1, 0.3]), 0.2)
    assert found is not None
    assert found.bytes == pytest.approx(200)


def test_an_accuracy_that_is_never_reached_has_no_bytes() -> None:
    assert bytes_at(Curve.of([100, 200], [0.1, 0.2]), 0.21) is None
    assert bytes_at(Curve.of([], []), 0.1) is None


def test_an_accuracy_below_the_cheapest_point_gives_a_bound() -> None:
    assert bytes_at(Curve.of([100, 200], [0.1, 0.2]), 0.05) == BytesAt(100, is_bound=True)
