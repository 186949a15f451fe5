"""YOLOX: per cell a box, an objectness and class scores (Ge et al. 2021, arXiv:2107.08430)."""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import numpy as np

from shared_models.tasks.detection import IOU_MAX, Boxes
from shared_models.tasks.layouts.grids import cells, find_strides
from shared_models.tasks.layouts.layout import (
    PROBABILITY_MAX,
    Array,
    DetectionLayout,
    Probe,
    Side,
    above,
    are_probabilities,
    from_centres,
    sigmoid,
)

LIKENESS_MIN = 0.9  # of centres in pixels to their cells, by correlation
BOX = 4
LOG_SIDE_MAX = 10.0  # e^10 cells are beyond any canvas


class YoloxLayout(DetectionLayout):
    """(B, cells, 5 + classes): centre, size, objectness, classes."""

    name: Literal["yolox"] = "yolox"
    iou_max: float | None = IOU_MAX
    strides: tuple[int, ...]
    is_decoded: bool = False
    """The export has turned offsets in cells into pixels."""
    are_logits: bool = False

    HEAD: ClassVar[int] = 5

    @classmethod
    def recognise(cls, probe: Probe) -> Self | None:
        """Fit one output whose rows are the cells of the canvas."""
        if len(probe.outputs) != 1 or probe.outputs[0].ndim != 3 or probe.outputs[0].dtype.kind != "f":
            return None
        rows = np.asarray(probe.outputs[0][0], np.float32)
        strides = find_strides(len(rows), probe.side)
        if strides is None or rows.shape[1] <= cls.HEAD:
            return None
        grid = cells(probe.side, strides)
        is_decoded = all(_follows(rows[:, axis], grid[:, axis] * grid[:, 2]) for axis in (0, 1))
        names = len(probe.classes) or (80 if rows.shape[1] == BOX + 80 else 0)
        if is_decoded and rows.shape[1] == BOX + names:  # no room for objectness: a transposed YOLOv8
            return None
        return cls(
            names=probe.classes,
            classes=rows.shape[1] - cls.HEAD,
            strides=strides,
            is_decoded=is_decoded,
            are_logits=not are_probabilities(rows[:, 4:]),
        )

    def __str__(self) -> str:
        boxes = "boxes in pixels" if self.is_decoded else "offsets in cells"
        return (
            f"yolox: a row for each cell at strides {_listed(self.strides)}, {boxes}, objectness, "
            f"{self.classes} classes"
        )

    def candidates(self, outputs: Sequence[Array], side: Side, score_min: float) -> list[Boxes]:
        """Return boxes of objectness × class."""
        grid = cells(side, self.strides)
        return [self._one(np.asarray(rows, np.float32), grid, score_min) for rows in outputs[0]]

    def _one(self, rows: Array, grid: Array, score_min: float) -> Boxes:
        objectness = sigmoid(rows[:, BOX]) if self.are_logits else rows[:, BOX]
        likely = np.flatnonzero(objectness * PROBABILITY_MAX >= score_min)  # no class can lift the others
        rows, grid = rows[likely], grid[likely]
        chances = sigmoid(rows[:, BOX:]) if self.are_logits else rows[:, BOX:]
        kept, classes, scores = above(chances[:, :1] * chances[:, 1:], score_min)
        box, stride = rows[kept, :4], grid[kept, 2:]
        if not self.is_decoded:
            centre = (box[:, :2] + grid[kept, :2]) * stride
            size = np.exp(np.minimum(box[:, 2:], LOG_SIDE_MAX)) * stride
            box = np.concatenate([centre, size], axis=1)
        return Boxes(from_centres(box).astype(np.float32), scores, classes)


def _follows(centres: Array, places: Array) -> bool:
    """Tell whether centres lie where their cells do, as only decoded ones can."""
    deviations = (values - values.mean() for values in (centres.astype(np.float64), places))
    first, second = deviations
    scale = float(np.sqrt((first @ first) * (second @ second)))
    return scale > 0 and float(first @ second) > LIKENESS_MIN * scale


def _listed(strides: Sequence[int]) -> str:
    return ", ".join(map(str, strides))
