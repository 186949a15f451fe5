"""Segmenters: a class, or one score a class, at each pixel."""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from shared_models.tasks.class_names import segmenter_names
from shared_models.tasks.layouts.layout import Array, Layout, Probe, Task

CLASSES_MAX = 512
COARSEST = 16  # maps coarser than this part of the input are features, not answers


class ClassMapsLayout(Layout):
    """(B, classes, h, w) scores, (B, h, w, classes) scores, or (B, h, w) classes."""

    task: ClassVar[Task] = "segment"
    name: Literal["class-maps"] = "class-maps"
    at: int
    """Position of the output that is read: the scores, where there are scores."""
    axis: int | None
    """Axis of the classes; None where the model has chosen by itself."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names by class index: the model's own, else those that segmenters of so many classes have."""
        return self.names if len(self.names) == self.classes else segmenter_names(self.classes)

    @classmethod
    def recognise(cls, probe: Probe) -> Self | None:
        """Fit an output that has the canvas's shape, at full size or a fraction of it."""
        found = [(i, axis) for i, o in enumerate(probe.outputs) if (axis := _class_axis(o, probe.side))]
        scored = [(i, axis) for i, axis in found if axis > 0]
        if not found or len(probe.outputs) > 3:
            return None
        at, axis = (scored or found)[0]
        maps = probe.outputs[at]
        classes = maps.shape[axis] if axis > 0 else len(probe.classes) or int(maps.max()) + 1
        return cls(names=probe.classes, classes=classes, at=at, axis=axis if axis > 0 else None)

    def __str__(self) -> str:
        form = "chosen by the model" if self.axis is None else f"scores of {self.classes}"
        return f"class-maps: a class at each pixel, {form}"

    def labels(self, outputs: Sequence[Array]) -> NDArray[np.uint16]:
        """Outputs of B pictures -> (B, h, w) classes, at the size that the model gives."""
        maps = outputs[self.at]
        if self.axis is None:
            return maps.reshape(len(maps), *maps.shape[-2:]).astype(np.uint16)
        if maps.shape[self.axis] == 1:
            return (maps.squeeze(self.axis) > 0.5).astype(np.uint16)
        chosen: NDArray[np.uint16] = maps.argmax(axis=self.axis).astype(np.uint16)
        return chosen


def _class_axis(output: NDArray[np.generic], side: tuple[int, int]) -> int:
    """Return the axis of the classes, -1 where each pixel holds its class, 0 where it is no map."""
    width, height = side
    is_whole = output.dtype.kind in "iu"

    def is_canvas(rows: int, columns: int) -> bool:
        return rows * COARSEST >= height and columns * COARSEST >= width and rows > 4 and columns > 4

    if output.ndim == 3 and is_whole and is_canvas(*output.shape[1:]):
        return -1
    if output.ndim != 4:
        return 0
    if output.shape[1] == 1 and is_whole and is_canvas(*output.shape[2:]):
        return -1
    for axis, plane in ((1, output.shape[2:]), (3, output.shape[1:3])):
        if is_canvas(*plane) and output.shape[axis] <= CLASSES_MAX and not is_whole:
            return axis
    return 0
