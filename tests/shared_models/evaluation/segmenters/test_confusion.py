import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shared_models.errors import InputError
from shared_models.evaluation.segmenters.confusion import ConfusionMatrix

CLASSES = ("sky", "road", "car")
maps = arrays(np.uint8, (5, 7), elements=st.integers(0, 4))


def test_the_figures_of_a_small_example_are_right() -> None:
    truth = np.array([[0, 0, 1, 1], [1, 1, 2, 11]])
    found = np.array([[0, 1, 1, 1], [1, 1, -1, 0]])
    matrix = ConfusionMatrix.of(CLASSES, truth, found)
    assert matrix.iou == pytest.approx({"sky": 1 / 2, "road": 4 / 5, "car": 0})
    assert matrix.mean_iou == pytest.approx((1 / 2 + 4 / 5) / 3)
    assert matrix.pixel_accuracy == pytest.approx(5 / 7)


@given(truth=maps, found=maps)
def test_figures_equal_those_counted_class_by_class(truth: np.ndarray, found: np.ndarray) -> None:
    matrix = ConfusionMatrix.of(CLASSES, truth, found)
    scored = truth < len(CLASSES)
    for k, name in enumerate(CLASSES):
        if not (truth == k).any():
            assert name not in matrix.iou
            continue
        shared = ((truth == k) & (found == k)).sum()
        either = ((truth == k) | ((found == k) & scored)).sum()
        assert matrix.iou[name] == pytest.approx(shared / either)


@given(truth=maps, found=maps)
def test_pictures_add_up_to_the_whole(truth: np.ndarray, found: np.ndarray) -> None:
    parts = ConfusionMatrix(CLASSES)
    for rows in (slice(0, 2), slice(2, 5)):
        parts = parts + ConfusionMatrix.of(CLASSES, truth[rows], found[rows])
    assert np.array_equal(parts.counts, ConfusionMatrix.of(CLASSES, truth, found).counts)


def test_maps_of_two_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="the labels are 4×3 pixels and the answer is 5×3"):
        ConfusionMatrix.of(CLASSES, np.zeros((3, 4), int), np.zeros((3, 5), int))
