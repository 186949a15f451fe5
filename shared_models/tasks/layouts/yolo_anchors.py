"""YOLOv5, v7 and their kin: three anchors a cell, decoded to pixels, with objectness."""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import numpy as np

from shared_models.tasks.detection import Boxes
from shared_models.tasks.layouts.grids import find_strides
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


class YoloAnchorsLayout(DetectionLayout):
    """(B, 3 × cells, 5 + classes): centre, size, objectness, classes."""

    name: Literal["yolo-anchors"] = "yolo-anchors"
    iou_max: float | None = 0.6
    """YOLOv5's own setting."""
    is_normalised: bool = False
    are_logits: bool = False

    ANCHORS: ClassVar[int] = 3
    HEAD: ClassVar[int] = 5

    @classmethod
    def recognise(cls, probe: Probe) -> Self | None:
        """Fit a first output of three rows for each cell; what follows it are the raw heads."""
        first = probe.outputs[0]
        if first.ndim != 3 or first.dtype.kind != "f" or first.shape[2] <= cls.HEAD:
            return None
        if find_strides(first.shape[1], probe.side, cls.ANCHORS) is None:
            return None
        rows = np.asarray(first[0], np.float32)
        return cls(
            names=probe.classes,
            classes=rows.shape[1] - cls.HEAD,
            is_normalised=bool(np.abs(rows[:, :4]).max() < 4),
            are_logits=not are_probabilities(rows[:, 4:]),
        )

    def __str__(self) -> str:
        unit = "parts of the canvas" if self.is_normalised else "pixels"
        return f"yolo-anchors: three rows for each cell, boxes in {unit}, objectness, {self.classes} classes"

    def candidates(self, outputs: Sequence[Array], side: Side, score_min: float) -> list[Boxes]:
        """Return boxes of objectness × class."""
        return [self._one(np.asarray(rows, np.float32), side, score_min) for rows in outputs[0]]

    def _one(self, rows: Array, side: Side, score_min: float) -> Boxes:
        chances = sigmoid(rows[:, 4:]) if self.are_logits else rows[:, 4:]
        kept, classes, values = above(chances[:, :1] * chances[:, 1:], score_min)
        corners = from_centres(rows[kept, :4])
        if self.is_normalised:
            corners = corners * np.array(side * 2, np.float32)
        return Boxes(corners, values, classes)
