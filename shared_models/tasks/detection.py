"""From a detector's outputs to boxes, in numpy.

A head at stride S gives (B, 85, H/S, W/S): for each cell the box's centre as an offset from the cell's
corner, in cells; the logarithms of its width and height, in cells; then objectness and 80 class
probabilities, each in [0, 1]. This is the layout of YOLOX (Ge et al. 2021, arXiv:2107.08430).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared_models.tasks.coco import CATEGORY_IDS, NAMES
from shared_models.tasks.results import Detection

Array = NDArray[np.float32]

STRIDES: Final = (8, 16, 32)
BOX_CHANNELS: Final = 4
SCORE_MIN_EVALUATION: Final = 0.01
"""Low enough that the precision-recall curve is whole."""
SCORE_MIN_DISPLAY: Final = 0.3
"""High enough that people see few false boxes."""
IOU_MAX: Final = 0.65  # YOLOX's own setting for non-maximum suppression
CANDIDATES_MAX: Final = 1000
"""Boxes that enter suppression, best first: bounds the work that one picture can cause."""
DETECTIONS_MAX: Final = 100  # as COCO's metrics count
_LOG_SIDE_MAX: Final = 10.0  # e^10 cells are beyond any frame


@dataclass(frozen=True, slots=True)
class Boxes:
    """N scored boxes of one picture."""

    corners: Array
    """(N, 4): x_min, y_min, x_max, y_max in pixels."""
    scores: Array
    classes: NDArray[np.intp]
    """(N,): index into the model's classes; `NAMES` for the built-in detector."""

    def take(self, keep: NDArray[np.intp]) -> "Boxes":
        """Return the boxes at the positions `keep`, in that order."""
        return Boxes(self.corners[keep], self.scores[keep], self.classes[keep])


def detections_of(
    heads: Sequence[Array], sizes: Sequence[tuple[int, int]], score_min: float
) -> list[list[Detection]]:
    """Heads (B, 85, H/S, W/S) of frames of `sizes` (width, height) -> the detections of each, best first."""
    return [
        to_detections(suppress(candidate_boxes([head[index] for head in heads], score_min)), *size)
        for index, size in enumerate(sizes)
    ]


def candidate_boxes(heads: Sequence[Array], score_min: float, strides: Sequence[int] = STRIDES) -> Boxes:
    """Return every (cell, class) of one picture's heads (85, h, w) that scores at least `score_min`.

    A score is objectness × class probability. At most CANDIDATES_MAX are returned, best first.
    """
    found = [_head_boxes(head, stride, score_min) for head, stride in zip(heads, strides, strict=True)]
    corners, scores, classes = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(-scores, kind="stable")[:CANDIDATES_MAX]
    return Boxes(corners, scores, classes).take(order)


def _head_boxes(head: Array, stride: int, score_min: float) -> tuple[Array, Array, NDArray[np.intp]]:
    width = head.shape[2]
    columns = head.reshape(len(head), -1)  # (85, h*w)
    likely = np.flatnonzero(columns[BOX_CHANNELS] >= score_min)  # no class can lift the others
    rows = columns[:, likely].T
    scores = rows[:, BOX_CHANNELS : BOX_CHANNELS + 1] * rows[:, BOX_CHANNELS + 1 :]  # (likely, 80)
    found, classes = np.nonzero(scores >= score_min)
    y, x = np.divmod(likely[found], width)
    box = rows[found, :BOX_CHANNELS]
    center = (box[:, :2] + np.stack([x, y], axis=1)) * stride
    half = np.exp(np.minimum(box[:, 2:], _LOG_SIDE_MAX)) * (stride / 2)
    corners = np.concatenate([center - half, center + half], axis=1).astype(np.float32)
    return corners, scores[found, classes].astype(np.float32), classes


def suppress(boxes: Boxes, iou_max: float = IOU_MAX, count_max: int = DETECTIONS_MAX) -> Boxes:
    """Keep, class by class and best first, the boxes that overlap no better one by more than `iou_max`.

    `boxes` come best first; so do those that are returned, `count_max` at most.
    """
    # boxes of different classes are moved apart, so that one pass over all serves each class by itself
    span = float(boxes.corners.max(initial=0) - boxes.corners.min(initial=0)) + 1
    moved = boxes.corners.astype(np.float64) + boxes.classes[:, np.newaxis] * span
    overlap = iou(moved, moved) > iou_max
    is_alive = np.ones(len(moved), bool)
    keep: list[int] = []
    for index in range(len(moved)):
        if is_alive[index]:
            keep.append(index)
            if len(keep) == count_max:
                break
            is_alive &= ~overlap[index]
    return boxes.take(np.array(keep, np.intp))


def iou(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the intersection over union of corners (N, 4) and (M, 4) as (N, M); 0 where both are empty."""
    low = np.maximum(first[:, np.newaxis, :2], second[:, :2])
    high = np.minimum(first[:, np.newaxis, 2:], second[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(np.clip(box[:, 2:] - box[:, :2], 0, None), axis=1) for box in (first, second)]
    union = areas[0][:, np.newaxis] + areas[1] - shared
    ratio: NDArray[np.floating] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return ratio


def to_detections(
    boxes: Boxes,
    frame_width: int,
    frame_height: int,
    names: Sequence[str] = NAMES,
    category_ids: Sequence[int] = CATEGORY_IDS,
) -> list[Detection]:
    """Clip boxes to the frame and name their classes; boxes with nothing inside are dropped."""
    limit = np.array([frame_width, frame_height] * 2, np.float32)
    corners = np.clip(boxes.corners, 0, limit)
    is_inside = (corners[:, 2:] > corners[:, :2]).all(axis=1)
    return [
        Detection(
            x_min=float(box[0]),
            y_min=float(box[1]),
            x_max=float(box[2]),
            y_max=float(box[3]),
            score=float(score),
            label=names[index],
            category_id=category_ids[index],
        )
        for box, score, index in zip(
            corners[is_inside], boxes.scores[is_inside], boxes.classes[is_inside], strict=True
        )
    ]
