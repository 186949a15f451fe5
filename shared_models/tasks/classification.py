"""From a classifier's outputs to named classes, in numpy."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared_models.tasks.results import Classification


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """(B, classes) logits -> probabilities, each row summing to one."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float64] = shifted / shifted.sum(axis=1, keepdims=True)
    return probabilities


def top_classes(
    probabilities: NDArray[np.float64], labels: Sequence[str], count: int
) -> list[list[Classification]]:
    """Return, row by row, the `count` most probable classes, best first; equal ones by index."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
    return [
        [Classification(labels[index], int(index), float(row[index])) for index in best]
        for row, best in zip(probabilities, order, strict=True)
    ]
