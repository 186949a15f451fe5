"""Classifiers: one score a class."""

from collections.abc import Sequence
from functools import cache
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from shared_models.errors import PackageError
from shared_models.packages.registry import builtin_package
from shared_models.tasks.classification import softmax
from shared_models.tasks.classifier import read_labels
from shared_models.tasks.layouts.layout import Array, Layout, Probe, Task, are_probabilities

IMAGENET = 1000


class ClassScoresLayout(Layout):
    """(B, classes), or (B, classes, 1, 1)."""

    task: ClassVar[Task] = "classify"
    name: Literal["class-scores"] = "class-scores"
    background: int = 0
    """Scores before the first class: 1 where ImageNet's classes follow one for none of them."""
    are_logits: bool = True

    @classmethod
    def recognise(cls, probe: Probe) -> Self | None:
        """Fit a first output of one row of numbers."""
        first = probe.outputs[0]
        if first.dtype.kind != "f" or first.ndim < 2 or first.size != first.shape[1] or first.size < 2:
            return None
        scores = np.asarray(first, np.float32).reshape(-1)
        background = int(len(scores) == IMAGENET + 1)
        is_sum_one = are_probabilities(scores) and abs(float(scores.sum()) - 1) < 1e-2
        return cls(
            names=probe.classes,
            classes=len(scores) - background,
            background=background,
            are_logits=not is_sum_one,
        )

    def __str__(self) -> str:
        first = ", after one for none of them" if self.background else ""
        return f"class-scores: {self.classes} {'logits' if self.are_logits else 'probabilities'}{first}"

    @property
    def class_names(self) -> tuple[str, ...]:
        """A name for each class index: the model's own, ImageNet's, else `class N`."""
        if len(self.names) == self.classes or self.classes != IMAGENET:
            return super().class_names
        return _imagenet_names() or super().class_names

    def probabilities(self, outputs: Sequence[Array]) -> NDArray[np.float64]:
        """Outputs of B pictures -> (B, classes) summing to one."""
        scores = outputs[0].reshape(len(outputs[0]), -1)[:, self.background :]
        if self.are_logits:
            return softmax(scores)
        chances: NDArray[np.float64] = scores / scores.sum(axis=1, keepdims=True, dtype=np.float64)
        return chances


@cache
def _imagenet_names() -> tuple[str, ...]:
    try:
        return read_labels(builtin_package())
    except PackageError:  # a development tree without its packages
        return ()
