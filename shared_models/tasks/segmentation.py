"""What a segmenter finds in a picture: a class at each pixel, and each class's share of the picture."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
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

    def png(self) -> bytes:
        """Return the labels as a grey PNG, of 8 bits a pixel, or of 16 where a class needs them."""
        is_byte = int(self.labels.max(initial=0)) < _BYTE_CLASSES
        file = io.BytesIO()
        Image.fromarray(self.labels.astype(np.uint8) if is_byte else self.labels).save(file, "PNG")
        return file.getvalue()
