"""What a codec achieves against the bytes it takes, as a curve that can be read in both directions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """The points of a codec that are worth having: more bytes, more accuracy, both strictly rising."""

    bytes: Array
    accuracy: Array

    @classmethod
    def of(cls, bytes_mean: Sequence[float] | Array, accuracy: Sequence[float] | Array) -> "Curve":
        """Keep, from few bytes to many, each point that is more accurate than all cheaper ones.

        A codec that spends more for less at some quality is used at the cheaper one instead.
        """
        order = np.lexsort((-np.asarray(accuracy, float), np.asarray(bytes_mean, float)))
        sizes, values = np.asarray(bytes_mean, float)[order], np.asarray(accuracy, float)[order]
        best = np.maximum.accumulate(values)
        keep = np.concatenate([[True], values[1:] > best[:-1]]) if len(values) else np.zeros(0, bool)
        return cls(sizes[keep], values[keep])

    def log_bytes_of(self) -> PchipInterpolator:
        """Return ln(bytes) as a function of accuracy: piecewise cubic, monotone; needs two points."""
        return PchipInterpolator(self.accuracy, np.log(self.bytes))

    def accuracy_of(self) -> PchipInterpolator:
        """Return accuracy as a function of ln(bytes)."""
        return PchipInterpolator(np.log(self.bytes), self.accuracy)
