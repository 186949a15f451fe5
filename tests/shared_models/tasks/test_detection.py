"""Boxes from a detector's outputs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared_models.tasks.coco import CATEGORY_IDS, NAMES
from shared_models.tasks.detection import Boxes, candidate_boxes, detections_of, iou, suppress


def head(stride: int, size: int, cells: dict[tuple[int, int], tuple[int, float]]) -> np.ndarray:
    """An empty head for a square frame, but for `cells` (x, y) with a class and a score, one cell large."""
    values = np.zeros((1, 85, size // stride, size // stride), np.float32)
    for (x, y), (index, score) in cells.items():
        values[0, :2, y, x] = 0.5
        values[0, 4, y, x] = score
        values[0, 5 + index, y, x] = 1.0
    return values


def test_coco_has_80_names_and_ids_with_holes() -> None:
    assert len(NAMES) == len(set(NAMES)) == len(CATEGORY_IDS) == 80
    named = dict(zip(NAMES, CATEGORY_IDS, strict=True))
    assert [named[name] for name in ("person", "stop sign", "bench", "toothbrush")] == [1, 13, 15, 90]


def test_a_cell_becomes_a_box_in_pixels_at_each_stride() -> None:
    heads = [
        head(8, 64, {(1, 2): (0, 0.9)}),
        head(16, 64, {(3, 0): (2, 0.8)}),
        head(32, 64, {(1, 1): (7, 0.7)}),
    ]
    (found,) = detections_of(heads, [(64, 64)], 0.1)
    boxes = [(item.label, item.x_min, item.y_min, item.x_max, item.y_max) for item in found]
    assert boxes == [
        ("person", 8, 16, 16, 24),
        ("car", 48, 0, 64, 16),
        ("truck", 32, 32, 64, 64),
    ]
    assert [round(item.score, 6) for item in found] == [0.9, 0.8, 0.7]


def test_boxes_are_clipped_to_the_frame_and_dropped_outside_it() -> None:
    heads = [head(8, 64, {(7, 7): (0, 0.9), (2, 2): (0, 0.8)}), head(16, 64, {}), head(32, 64, {})]
    (found,) = detections_of(heads, [(20, 20)], 0.1)
    assert [(item.x_max, item.y_max) for item in found] == [(20, 20)]


def test_of_two_boxes_of_one_class_the_better_stays_and_other_classes_do_not_matter() -> None:
    corners = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 10], [50, 0, 60, 10]], np.float32)
    boxes = Boxes(corners, np.array([0.9, 0.8, 0.7, 0.6], np.float32), np.array([3, 3, 4, 3]))
    kept = suppress(boxes)
    assert kept.scores.tolist() == np.array([0.9, 0.7, 0.6], np.float32).tolist()


def test_work_and_output_are_bounded_for_a_head_that_fires_everywhere() -> None:
    everywhere = np.ones((85, 52, 52), np.float32)
    nothing = np.zeros((85, 1, 1), np.float32)
    boxes = candidate_boxes([everywhere, nothing, nothing], 0.01)
    assert len(boxes.scores) == 1000
    assert len(suppress(boxes).scores) <= 100


@given(seed=st.integers(0, 999))
def test_a_box_overlaps_itself_fully_and_others_symmetrically(seed: int) -> None:
    low = np.random.default_rng(seed).uniform(0, 50, (6, 2))
    corners = np.concatenate([low, low + np.random.default_rng(seed + 1).uniform(1, 50, (6, 2))], axis=1)
    overlap = iou(corners, corners)
    assert np.allclose(np.diag(overlap), 1)
    assert np.allclose(overlap, overlap.T)


def test_empty_boxes_overlap_nothing() -> None:
    assert iou(np.zeros((2, 4)), np.zeros((3, 4))).tolist() == [[0, 0, 0], [0, 0, 0]]
