"""Raw cells of YOLOv5 and v7-tiny: three anchors each, not decoded. The anchors are the published ones."""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import numpy as np

from shared_models.tasks.detection import Boxes
from shared_models.tasks.layouts.grids import cells, find_strides
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

ANCHORS = {
    8: ((10, 13), (16, 30), (33, 23)),
    16: ((30, 61), (62, 45), (59, 119)),
    32: ((116, 90), (156, 198), (373, 326)),
}
"""Widths and heights in pixels by stride, as YOLOv5's configuration has them."""
HEAD = 5


class AnchorRows(DetectionLayout):
    """(B, cells, 3 × (5 + classes)): offsets, sizes, objectness, classes, before or after their sigmoid."""

    name: Literal["anchor-rows"] = "anchor-rows"
    iou_max: float | None = 0.6
    """YOLOv5's own setting."""
    are_logits: bool = True

    PER_CELL: ClassVar[int] = 3

    @classmethod
    def recognise(cls, probe: Probe) -> Self | None:
        """Fit rows of three times a box, an objectness and classes, on YOLOv5's strides."""
        rows = np.asarray(probe.outputs[0], np.float32)
        if rows.ndim != 3 or find_strides(rows.shape[1], probe.side) != tuple(ANCHORS):
            return None
        classes, rest = divmod(rows.shape[2], cls.PER_CELL)
        classes -= HEAD
        expected = len(probe.classes) or 80
        if rest or classes < 1 or (classes != expected and rows.shape[2] - HEAD == expected):
            return None
        if classes != expected and rows.shape[2] in {expected + 32, expected + 64, expected + 68}:
            return None  # sides over bins, as GFL has them
        return cls(names=probe.classes, classes=classes, are_logits=not are_probabilities(rows))

    def __str__(self) -> str:
        return f"anchor-rows: YOLOv5's three anchors, objectness, {self.classes} classes"

    def candidates(self, outputs: Sequence[Array], side: Side, score_min: float) -> list[Boxes]:
        """Return boxes of objectness × class."""
        grid = np.repeat(cells(side, tuple(ANCHORS)), self.PER_CELL, axis=0)
        strides, counts = np.unique(grid[:, 2].astype(int), return_counts=True)
        sizes = np.concatenate(
            [
                np.tile(np.array(ANCHORS[int(s)], np.float32), (n // self.PER_CELL, 1))
                for s, n in zip(strides, counts, strict=True)
            ]
        )
        whole = np.asarray(outputs[0], np.float32)
        rows = whole.reshape(len(whole), len(grid), HEAD + self.classes)
        values = sigmoid(rows) if self.are_logits else rows
        return [self._one(picture, grid, sizes, score_min) for picture in values]

    def _one(self, rows: Array, grid: Array, sizes: Array, score_min: float) -> Boxes:
        kept, classes, scores = above(rows[:, 4:5] * rows[:, HEAD:], score_min)
        box = rows[kept]
        centre = (box[:, :2] * 2 - 0.5 + grid[kept, :2]) * grid[kept, 2:]
        size = (box[:, 2:4] * 2) ** 2 * sizes[kept]
        corners = from_centres(np.concatenate([centre, size], axis=1))
        return Boxes(corners.astype(np.float32), scores, classes)
