"""Sides of boxes as distributions over bins (generalised focal loss, Li et al. 2020, arXiv:2006.04388).

NanoDet gives scores and distributions apart for each level, NanoDet-Plus both in one row a cell; PicoDet
and the raw heads of YOLOv8 and its successors are of the same kind.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import numpy as np

from shared_models.tasks.detection import Boxes
from shared_models.tasks.layouts.grids import STRIDE_SETS, cells, find_strides, level_sizes
from shared_models.tasks.layouts.layout import (
    Array,
    DetectionLayout,
    Probe,
    Side,
    above,
    are_probabilities,
    sigmoid,
)

SIDES = 4
YOLO_BINS = 16


class GflLayout(DetectionLayout):
    """Per cell: class scores, and four distributions (left, top, right, bottom) over `bins` distances."""

    name: Literal["gfl"] = "gfl"
    iou_max: float | None = 0.6
    """NanoDet's own setting."""
    strides: tuple[int, ...]
    bins: int
    centre: float
    """A cell's middle from its corner, in strides: 0.5, or 0 in NanoDet-Plus."""
    centre_px: float = 0.0
    """The first NanoDet's middle lies half a pixel nearer: -0.5."""
    scores_at: tuple[int, ...]
    """Positions of the outputs with class scores, a level each; one where rows are whole."""
    sides_at: tuple[int, ...] = ()
    """Positions of the outputs with distributions; none where they follow the scores in each row."""
    sides_first: bool = False
    """In whole rows, the sides come before the scores."""
    are_logits: bool = False

    BINS: ClassVar[tuple[int, ...]] = (8, 16, 17)

    @classmethod
    def recognise(cls, probe: Probe) -> Self | None:
        """Fit pairs of outputs a level, or one output whose rows are the cells of the canvas."""
        return cls._recognise_rows(probe) or cls._recognise_levels(probe)

    @classmethod
    def _recognise_rows(cls, probe: Probe) -> Self | None:
        if len(probe.outputs) != 1 or probe.outputs[0].ndim != 3 or probe.outputs[0].dtype.kind != "f":
            return None
        rows = np.asarray(probe.outputs[0][0], np.float32)
        strides = find_strides(len(rows), probe.side)
        known = len(probe.classes) or 80
        sides_first = rows.shape[1] == SIDES * YOLO_BINS + known  # the raw head of YOLOv8 and its successors
        bins = YOLO_BINS if sides_first else cls.BINS[0]
        classes = rows.shape[1] - SIDES * bins
        if strides is None or classes < 1:
            return None
        scores, sides = _parted(rows, classes, sides_first=sides_first)
        # four levels, or the classes of COCO, tell NanoDet from YOLOX
        if are_probabilities(sides) or (len(strides) < 4 and classes != known):
            return None
        return cls(
            names=probe.classes,
            classes=classes,
            strides=strides,
            bins=bins,
            centre=0.5 if sides_first else 0.0,
            scores_at=(0,),
            sides_first=sides_first,
            are_logits=not are_probabilities(scores),
        )

    @classmethod
    def _recognise_levels(cls, probe: Probe) -> Self | None:
        levels = [(i, o[0]) for i, o in probe.floats() if o.ndim == 3]
        for strides in STRIDE_SETS:
            sizes = [rows * columns for rows, columns in level_sizes(probe.side, strides)]
            if len(levels) != 2 * len(strides) or len(probe.outputs) != len(levels):
                continue
            pairs = [[(i, o) for i, o in levels if len(o) == size] for size in sizes]
            if any(len(pair) != 2 for pair in pairs):
                continue
            for bins in cls.BINS:
                found = [sorted(pair, key=lambda item: item[1].shape[1] == SIDES * bins) for pair in pairs]
                if all(
                    sides.shape[1] == SIDES * bins != scores.shape[1] for (_, scores), (_, sides) in found
                ):
                    scores = np.concatenate([pair[0][1] for pair in found])
                    return cls(
                        names=probe.classes,
                        classes=scores.shape[1],
                        strides=strides,
                        bins=bins,
                        centre=0.5,
                        centre_px=-0.5 if len(strides) == 3 else 0.0,
                        scores_at=tuple(pair[0][0] for pair in found),
                        sides_at=tuple(pair[1][0] for pair in found),
                        are_logits=not are_probabilities(scores),
                    )
        return None

    def __str__(self) -> str:
        form = "scores and sides apart for each level" if self.sides_at else "a row for each cell"
        strides = ", ".join(map(str, self.strides))
        return f"gfl: {form} at strides {strides}, sides over {self.bins} bins, {self.classes} classes"

    def candidates(self, outputs: Sequence[Array], side: Side, score_min: float) -> list[Boxes]:
        """Return boxes at the mean of their sides' distributions."""
        scores = np.concatenate([outputs[i] for i in self.scores_at], axis=1)  # (B, N, C)
        if self.sides_at:
            sides = np.concatenate([outputs[i] for i in self.sides_at], axis=1)  # (B, N, 4 * bins)
        else:
            scores, sides = _parted(scores, self.classes, sides_first=self.sides_first)
        grid = cells(side, self.strides)
        return [self._one(s, d, grid, score_min) for s, d in zip(scores, sides, strict=True)]

    def _one(self, scores: Array, sides: Array, grid: Array, score_min: float) -> Boxes:
        kept, classes, values = above(sigmoid(scores) if self.are_logits else scores, score_min)
        stride = grid[kept, 2:]
        weights = sides[kept].reshape(-1, SIDES, self.bins).astype(np.float32)
        weights = np.exp(weights - weights.max(axis=2, keepdims=True))
        mean = (weights @ np.arange(self.bins, dtype=np.float32)) / weights.sum(axis=2)
        reach = mean * stride  # (K, 4), pixels
        middle = (grid[kept, :2] + self.centre) * stride + self.centre_px
        corners = np.concatenate([middle - reach[:, :2], middle + reach[:, 2:]], axis=1)
        return Boxes(corners.astype(np.float32), values, classes)


def _parted(rows: Array, classes: int, *, sides_first: bool) -> tuple[Array, Array]:
    """Return the scores and the sides of whole rows (..., classes + sides)."""
    if sides_first:
        return rows[..., -classes:], rows[..., :-classes]
    return rows[..., :classes], rows[..., classes:]
