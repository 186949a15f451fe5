"""One output of boxes and one of class scores for the same N: SSD decoded in the graph, and DETR's family.

Which corner, which unit and which score it is, the probe shows: boxes of corners have no second corner
before the first, parts of the canvas stay near 1, and probabilities within [0, 1].
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal, Self

import numpy as np

from shared_models.tasks.detection import Boxes
from shared_models.tasks.layouts.layout import (
    Array,
    DetectionLayout,
    Probe,
    Side,
    above,
    are_probabilities,
    from_centres,
    sigmoid,
)

MOST = 0.98  # of the boxes of one picture: a few may be degenerate
QUERIES_MAX = 1000  # DETR and its kin ask a few hundred questions; dense detectors make thousands of boxes


class Scores(StrEnum):
    """What the class scores are."""

    PROBABILITIES = "probabilities"
    LOGITS = "logits"
    """One sigmoid for each class."""
    SOFTMAX = "softmax"
    """Logits that exclude each other, one of them for no object."""


class BoxesAndScoresLayout(DetectionLayout):
    """(B, N, 4) and (B, N, classes), in either order, or side by side in one output."""

    name: Literal["boxes-and-scores"] = "boxes-and-scores"
    boxes_at: int
    scores_at: int
    are_corners: bool
    """Corners, not centre and size."""
    are_rows_first: bool = False
    """TensorFlow's order: y before x."""
    is_normalised: bool
    scores: Scores
    none_at: int | None = None
    """Index of the class for no object, where there is one."""

    @classmethod
    def recognise(cls, probe: Probe) -> Self | None:
        """Fit two outputs of as many boxes as score rows, or one that holds both."""
        floats = [(i, o) for i, o in probe.floats() if o.ndim == 3]
        if len(floats) == 1 and len(probe.outputs) == 1:
            return cls._recognise_rows(probe, *floats[0])
        boxes = [(i, o) for i, o in floats if o.shape[2] == 4]
        scores = [(i, o) for i, o in floats if o.shape[2] != 4 and o.shape[2] > 1]
        if len(boxes) != 1 or len(scores) != 1 or boxes[0][1].shape[1] != scores[0][1].shape[1]:
            return None
        if not _are_decoded(boxes[0][1][0]):
            return None
        return cls._judge(probe, boxes[0][0], scores[0][0], boxes[0][1][0], scores[0][1][0])

    @classmethod
    def _recognise_rows(cls, probe: Probe, at: int, rows: Array) -> Self | None:
        few_boxes = rows.shape[1] <= QUERIES_MAX and rows.shape[2] > 8
        if not few_boxes or not are_probabilities(rows[0, :, 4:]) or not are_probabilities(rows[0, :, :4]):
            return None
        return cls._judge(probe, at, at, rows[0, :, :4], rows[0, :, 4:])

    @classmethod
    def _judge(cls, probe: Probe, boxes_at: int, scores_at: int, boxes: Array, scores: Array) -> Self:
        are_corners = _are_corners(boxes)
        form, none_at = cls._score_form(boxes, scores)
        return cls(
            names=probe.classes,
            classes=scores.shape[1] - (none_at is not None),
            iou_max=None if len(boxes) <= QUERIES_MAX else 0.5,
            boxes_at=boxes_at,
            scores_at=scores_at,
            are_corners=are_corners,
            is_normalised=bool(np.abs(boxes).max() < 4),
            scores=form,
            none_at=none_at,
        )

    @classmethod
    def _score_form(cls, boxes: Array, scores: Array) -> tuple[Scores, int | None]:
        count = scores.shape[1]
        if are_probabilities(scores):
            is_softmax = count > 2 and bool(np.allclose(scores.sum(axis=1), 1, atol=1e-2))
            return Scores.PROBABILITIES, _none_at(scores) if is_softmax else None
        # DETR's last class is none of the others and nearly all queries choose it
        none = _none_at(scores)
        is_softmax = bool((scores.argmax(axis=1) == none).mean() > 0.5) and count != 80
        return (Scores.SOFTMAX, none) if is_softmax else (Scores.LOGITS, None)

    def __str__(self) -> str:
        form = "corners" if self.are_corners else "centre and size"
        unit = "parts of the canvas" if self.is_normalised else "pixels"
        return f"boxes-and-scores: {form} in {unit}, {self.classes} classes as {self.scores}"

    def candidates(self, outputs: Sequence[Array], side: Side, score_min: float) -> list[Boxes]:
        """Return a box for each query or anchor and class."""
        boxes, scores = outputs[self.boxes_at], outputs[self.scores_at]
        if self.boxes_at == self.scores_at:
            boxes, scores = boxes[..., :4], scores[..., 4:]
        return [self._one(b, s, side, score_min) for b, s in zip(boxes, scores, strict=True)]

    def _one(self, boxes: Array, scores: Array, side: Side, score_min: float) -> Boxes:
        chances = self._chances(np.asarray(scores, np.float32))
        kept, classes, values = above(chances, score_min)
        chosen = np.asarray(boxes, np.float32)[kept]
        corners = chosen if self.are_corners else from_centres(chosen)
        if self.are_rows_first:
            corners = corners[:, [1, 0, 3, 2]]
        if self.is_normalised:
            corners = corners * np.array(side * 2, np.float32)
        return Boxes(corners, values, classes)

    def _chances(self, scores: Array) -> Array:
        if self.scores is Scores.LOGITS:
            scores = sigmoid(scores)
        elif self.scores is Scores.SOFTMAX:
            scores = np.exp(scores - scores.max(axis=1, keepdims=True))
            scores = scores / scores.sum(axis=1, keepdims=True)
        return scores if self.none_at is None else np.delete(scores, self.none_at, axis=1)


def _are_corners(boxes: Array) -> bool:
    return bool((boxes[:, 2:] >= boxes[:, :2]).mean() > MOST)


def _are_decoded(boxes: Array) -> bool:
    """Tell boxes from offsets to anchors, which no file holds: sizes are not negative."""
    return _are_corners(boxes) or bool((boxes[:, 2:] >= 0).mean() > MOST)


def _none_at(scores: Array) -> int:
    """Say whether the first class or the last is the one for no object: the one that most boxes choose."""
    mean = scores.mean(axis=0)
    return 0 if mean[0] > mean[-1] else scores.shape[1] - 1
