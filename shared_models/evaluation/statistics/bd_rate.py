"""Bjøntegaard deltas: how many bytes one codec needs beside another at the same accuracy, and the converse.

After G. Bjøntegaard, VCEG-M33 (2001), with the piecewise cubic (monotone Hermite) interpolation that JVET's
common test conditions use, here over ln(bytes) and accuracy instead of PSNR.
"""

import math
from dataclasses import dataclass

import numpy as np

from shared_models.evaluation.statistics.curve import Array, Curve


def method(measure: str, size: str = "bytes") -> str:
    """Say in a report how curves were compared."""
    return (
        f"monotone piecewise cubic over ln({size}) and {measure}; qualities that cost more for less left out"
    )


@dataclass(frozen=True, slots=True)
class Delta:
    """A mean difference over the range that both curves cover."""

    value: float
    """Percent of bytes (negative: fewer), or accuracy (positive: more)."""
    overlap: float
    """The range covered by both, as a share of the range covered by either."""


def bd_rate(anchor: Curve, test: Curve) -> Delta | None:
    """Return how many percent more bytes `test` needs at equal accuracy; None where no accuracy is shared."""
    shared = _shared(anchor.accuracy, test.accuracy)
    if shared is None:
        return None
    low, high, overlap = shared
    areas = [float(curve.log_bytes_of().integrate(low, high)) for curve in (anchor, test)]
    return Delta(100 * math.expm1((areas[1] - areas[0]) / (high - low)), overlap)


def bd_accuracy(anchor: Curve, test: Curve) -> Delta | None:
    """Return how much more accurate `test` is at equal bytes; None where no size is shared."""
    shared = _shared(np.log(anchor.bytes), np.log(test.bytes))
    if shared is None:
        return None
    low, high, overlap = shared
    areas = [float(curve.accuracy_of().integrate(low, high)) for curve in (anchor, test)]
    return Delta((areas[1] - areas[0]) / (high - low), overlap)


def _shared(anchor: Array, test: Array) -> tuple[float, float, float] | None:
    """Return the range that both cover and its share of the whole, or None."""
    if min(len(anchor), len(test)) < 2:
        return None
    low, high = max(anchor[0], test[0]), min(anchor[-1], test[-1])
    whole = max(anchor[-1], test[-1]) - min(anchor[0], test[0])
    return (float(low), float(high), float((high - low) / whole)) if high > low else None
