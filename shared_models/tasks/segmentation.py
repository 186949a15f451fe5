"""What a segmenter finds in a picture: a class at each pixel, and each class's share of the picture."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BYTE_CLASSES = 256


@dataclass(frozen=True, slots=True)
class ClassShare:
    """How much of a picture a class covers, 0 to 1."""

    label: str
    class_index: int
    share: float


@dataclass(frozen=True, slots=True)
class Segmentation:
    """Classes of a picture's pixels."""

    labels: NDArray[np.uint16]
    """(H, W) class indices."""
    shares: tuple[ClassShare, ...]
    """Of the classes that are there, largest first."""

    @classmethod
    def of(cls, labels: NDArray[np.uint16], names: Sequence[str]) -> Self:
        """Count classes; those beyond `names` are called by their number."""
        counts = np.bincount(labels.ravel())
        order = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())].tolist()
        return cls(
            labels,
            tuple(
                ClassShare(names[k] if k < len(names) else f"class {k}", k, float(counts[k] / labels.size))
                for k in order
            ),
        )

    def scaled(self, width: int, height: int) -> Self:
        """Return the same classes for a picture of another size; shares are those that were counted."""
        rows = (np.arange(height) * 2 + 1) * self.labels.shape[0] // (2 * height)
        columns = (np.arange(width) * 2 + 1) * self.labels.shape[1] // (2 * width)
        return replace(self, labels=self.labels[rows[:, None], columns])

    def png(self) -> bytes:
        """Return the labels as a PNG whose values are classes.

        Of 8 bits a pixel, with a palette that only viewers look at; grey and of 16 where a class needs them.
        """
        file = io.BytesIO()
        if int(self.labels.max(initial=0)) < _BYTE_CLASSES:
            image = Image.fromarray(self.labels.astype(np.uint8), "P")
            image.putpalette(_palette())
        else:
            image = Image.fromarray(self.labels)
        image.save(file, "PNG")
        return file.getvalue()


def _palette() -> bytes:
    """Return a colour for each class: neighbours differ, and class 0 is black (as in PASCAL VOC's labels).

    The bits of the class number are dealt out to red, green and blue, the highest bits of each first.
    """
    classes = np.arange(_BYTE_CLASSES)
    colours = np.zeros((_BYTE_CLASSES, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= ((classes >> (3 * bit + channel) & 1) << (7 - bit)).astype(np.uint8)
    return colours.tobytes()
