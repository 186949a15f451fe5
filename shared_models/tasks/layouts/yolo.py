"""Ultralytics' YOLOv8, 11 and their kin: boxes in pixels and class scores, no objectness, no anchors."""

from collections.abc import Sequence
from typing import Literal, Self

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

BOX = 4


class YoloLayout(DetectionLayout):
    """(B, 4 + classes, cells), or its transpose: centre, size, classes."""

    name: Literal["yolo"] = "yolo"
    iou_max: float | None = 0.7
    """Ultralytics' own setting."""
    is_transposed: bool = False
    """Cells come before channels."""
    is_normalised: bool = False
    """Boxes are in parts of the canvas, not in pixels."""
    are_logits: bool = False

    @classmethod
    def recognise(cls, probe: Probe) -> Self | None:
        """Fit a first output one of whose axes counts the cells of the canvas."""
        first = probe.outputs[0]
        if first.ndim != 3 or first.dtype.kind != "f":
            return None
        is_transposed = first.shape[1] > first.shape[2]
        rows = np.asarray(first[0] if is_transposed else first[0].T, np.float32)
        masks = [o.shape[1] for o in probe.outputs[1:] if o.ndim == 4]  # prototypes of a model for masks
        classes = rows.shape[1] - BOX - (masks[0] if masks else 0)
        if classes < 1 or find_strides(len(rows), probe.side) is None:
            return None
        return cls(
            names=probe.classes,
            classes=classes,
            is_transposed=is_transposed,
            is_normalised=bool(np.abs(rows[:, :BOX]).max() < 2),
            are_logits=not are_probabilities(rows[:, BOX : BOX + classes]),
        )

    def __str__(self) -> str:
        unit = "parts of the canvas" if self.is_normalised else "pixels"
        return f"yolo: a column for each cell, boxes in {unit}, {self.classes} classes, no objectness"

    def candidates(self, outputs: Sequence[Array], side: Side, score_min: float) -> list[Boxes]:
        """Return a box for each cell and class."""
        rows = outputs[0] if self.is_transposed else outputs[0].transpose(0, 2, 1)
        return [self._one(row, side, score_min) for row in rows]

    def _one(self, rows: Array, side: Side, score_min: float) -> Boxes:
        scores = rows[:, BOX : BOX + self.classes]
        kept, classes, values = above(sigmoid(scores) if self.are_logits else scores, score_min)
        corners = from_centres(rows[kept, :BOX].astype(np.float32))
        if self.is_normalised:
            corners = corners * np.array(side * 2, np.float32)
        return Boxes(corners, values, classes)
