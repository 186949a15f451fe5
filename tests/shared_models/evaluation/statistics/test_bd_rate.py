import numpy as np
import pytest

from shared_models.evaluation.statistics.bd_rate import bd_accuracy, bd_rate
from shared_models.evaluation.statistics.curve import Curve

bjontegaard = pytest.importorskip("bjontegaard", reason="the oracle is part of the dev extra")

ANCHOR = Curve.of(
    [2146, 4339, 5391, 7253, 9966, 13437, 21110], [0.130, 0.190, 0.203, 0.229, 0.239, 0.254, 0.257]
)
TEST = Curve.of(
    [2854, 3478, 4490, 5931, 8184, 13982, 26010], [0.118, 0.154, 0.189, 0.219, 0.239, 0.253, 0.260]
)


def test_bd_rate_is_that_of_a_maintained_implementation() -> None:
    oracle = bjontegaard.bd_rate(
        ANCHOR.bytes,
        ANCHOR.accuracy,
        TEST.bytes,
        TEST.accuracy,
        method="pchip",
        require_matching_points=False,
        min_overlap=0,
    )
    delta = bd_rate(ANCHOR, TEST)
    assert delta is not None
    assert delta.value == pytest.approx(oracle, rel=1e-9)


def test_bd_accuracy_is_that_of_a_maintained_implementation() -> None:
    oracle = bjontegaard.bd_psnr(
        ANCHOR.bytes,
        ANCHOR.accuracy,
        TEST.bytes,
        TEST.accuracy,
        method="pchip",
        require_matching_points=False,
        min_overlap=0,
    )
    delta = bd_accuracy(ANCHOR, TEST)
    assert delta is not None
    assert delta.value == pytest.approx(oracle, rel=1e-9)


def test_half_the_bytes_at_every_accuracy_are_minus_fifty_percent() -> None:
    half = Curve(ANCHOR.bytes / 2, ANCHOR.accuracy)
    delta = bd_rate(ANCHOR, half)
    assert delta is not None
    assert delta.value == pytest.approx(-50)
    assert delta.overlap == pytest.approx(1)
    back = bd_rate(half, ANCHOR)
    assert back is not None
    assert back.value == pytest.approx(100)


def test_curves_that_share_no_range_have_no_delta() -> None:
    better = Curve(ANCHOR.bytes * 100, ANCHOR.accuracy + 0.5)
    assert bd_rate(ANCHOR, better) is None
    assert bd_accuracy(ANCHOR, better) is None
    assert bd_rate(ANCHOR, Curve(np.array([100.0]), np.array([0.2]))) is None


def test_the_overlap_is_the_share_of_the_range_that_both_cover() -> None:
    shifted = Curve(ANCHOR.bytes, ANCHOR.accuracy + (ANCHOR.accuracy[-1] - ANCHOR.accuracy[0]) / 2)
    delta = bd_rate(ANCHOR, shifted)
    assert delta is not None
    assert delta.overlap == pytest.approx(1 / 3)
