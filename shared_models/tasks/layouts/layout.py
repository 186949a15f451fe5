"""What every layout of outputs is: recognised from a probe, described, and decoded."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from shared_models.tasks.class_names import category_ids, class_names
from shared_models.tasks.detection import CANDIDATES_MAX, Boxes, suppress

Array: TypeAlias = NDArray[np.float32]
Task: TypeAlias = Literal["detect", "classify", "segment"]
Side: TypeAlias = tuple[int, int]

PROBABILITY_MAX: Final = 1 + 1e-4
"""What a probability may reach in floats."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What one picture made a model say: the evidence that a layout is recognised by."""

    names: tuple[str, ...]
    outputs: tuple[NDArray[np.generic], ...]
    """At batch 1."""
    side: Side
    """Width and height of the input."""
    classes: tuple[str, ...] = field(default=())
    """Names of the classes, where the file holds them."""

    def floats(self) -> list[tuple[int, Array]]:
        """Return the float outputs with their positions."""
        return [(i, np.asarray(o, np.float32)) for i, o in enumerate(self.outputs) if o.dtype.kind == "f"]


class Layout(BaseModel, ABC):
    """How the outputs of a model are to be read; kept as JSON beside a bridge."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: ClassVar[Task]
    names: tuple[str, ...] = ()
    """Names of the classes, where they are known; else they are guessed by their count."""
    classes: int

    @classmethod
    @abstractmethod
    def recognise(cls, probe: Probe) -> Self | None:
        """Return this layout, set up for the probed model, or None where it does not fit."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """A name for each class index."""
        return self.names if len(self.names) == self.classes else class_names(self.classes)

    @property
    def category_ids(self) -> tuple[int, ...]:
        """COCO's id, or the class's number from 1, for each class index."""
        return category_ids(self.class_names)


class DetectionLayout(Layout):
    """A layout of boxes."""

    task: ClassVar[Task] = "detect"
    iou_max: float | None = None
    """What suppression allows; None where the model has suppressed by itself."""

    @abstractmethod
    def candidates(self, outputs: Sequence[Array], side: Side, score_min: float) -> list[Boxes]:
        """Return the boxes of each picture that score at least `score_min`, in pixels of the input."""

    def decode(self, outputs: Sequence[Array], side: Side, score_min: float) -> list[Boxes]:
        """Outputs of B pictures on a canvas of `side` -> suppressed boxes of each, best first."""
        found = [best_first(boxes) for boxes in self.candidates(outputs, side, score_min)]
        return [boxes if self.iou_max is None else suppress(boxes, self.iou_max) for boxes in found]


def best_first(boxes: Boxes) -> Boxes:
    """Sort by score and keep CANDIDATES_MAX."""
    return boxes.take(np.argsort(-boxes.scores, kind="stable")[:CANDIDATES_MAX])


def above(scores: Array, score_min: float) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """Scores (N, C) -> rows, classes and scores of those of at least `score_min`; the best CANDIDATES_MAX."""
    rows, classes = np.nonzero(scores >= score_min)
    values = scores[rows, classes].astype(np.float32)
    if len(values) > CANDIDATES_MAX:
        best = np.argsort(-values, kind="stable")[:CANDIDATES_MAX]
        rows, classes, values = rows[best], classes[best], values[best]
    return rows, classes, values


def from_centres(boxes: Array) -> Array:
    """(N, 4) centre x, centre y, width, height -> corners."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x), without overflow."""
    y: Array = (0.5 * (np.tanh(0.5 * x) + 1)).astype(np.float32)
    return y


def are_probabilities(values: Array) -> bool:
    """Tell whether all values lie in [0, 1], as no logits of a whole picture do."""
    return bool(values.size and values.min() >= 0 and values.max() <= PROBABILITY_MAX)
