"""Segmentation accuracy: a confusion matrix, and the figures that it gives."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared_models.errors import InputError

LabelMap = NDArray[np.integer]
"""One class index a pixel, (H, W)."""


class ConfusionMatrix:
    """Counts of pixels by true class (rows) and found class (columns), over classes 0 to N − 1.

    Pixels whose truth is outside of the classes are not scored; a scored pixel that was found to be
    something outside of the classes is wrong, and counted in the extra last column.
    """

    def __init__(self, classes: Sequence[str], counts: NDArray[np.int64] | None = None) -> None:
        """Take the names of the N classes; `counts` is (N, N + 1)."""
        self.classes = tuple(classes)
        N = len(self.classes)
        self.counts = np.zeros((N, N + 1), np.int64) if counts is None else counts

    @classmethod
    def of(cls, classes: Sequence[str], truth: LabelMap, found: LabelMap) -> Self:
        """Count one picture; raise InputError where the maps differ in size."""
        if truth.shape != found.shape:
            raise InputError(
                f"the labels are {_size(truth)} pixels and the answer is {_size(found)}; "
                "a label has the size of its picture"
            )
        N = len(classes)
        scored = (truth >= 0) & (truth < N)
        rows = truth[scored].astype(np.int64)
        columns = found[scored].astype(np.int64)
        columns = np.where((columns >= 0) & (columns < N), columns, N)
        counts = np.bincount(rows * (N + 1) + columns, minlength=N * (N + 1))
        return cls(classes, counts.reshape(N, N + 1))

    def __add__(self, other: "ConfusionMatrix") -> "ConfusionMatrix":
        """Return the counts of both."""
        return ConfusionMatrix(self.classes, self.counts + other.counts)

    @property
    def pixel_accuracy(self) -> float:
        """Share of scored pixels that are right; 0 where none is scored."""
        return float(np.trace(self.counts)) / max(1, int(self.counts.sum()))

    @property
    def iou(self) -> dict[str, float]:
        """Intersection over union of every class that occurs in the truth, by name."""
        right = np.diagonal(self.counts)
        true = self.counts.sum(axis=1)
        union = true + self.counts.sum(axis=0)[:-1] - right
        return {name: float(right[k]) / float(union[k]) for k, name in enumerate(self.classes) if true[k] > 0}

    @property
    def mean_iou(self) -> float:
        """Mean IoU over the classes that occur in the truth; 0 where none does."""
        values = list(self.iou.values())
        return sum(values) / len(values) if values else 0.0


def _size(labels: LabelMap) -> str:
    return "×".join(str(side) for side in labels.shape[::-1])
