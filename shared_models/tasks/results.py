"""The values that tasks return, whatever model made them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Detection:
    """A box in pixels of the coded frame, corners (x_min, y_min) to (x_max, y_max)."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float
    score: float
    label: str
    category_id: int
    """COCO's category id, 1 to 90 with its holes."""


@dataclass(frozen=True, slots=True)
class Classification:
    """One class of ImageNet's 1,000 with its probability."""

    label: str
    class_index: int
    score: float
