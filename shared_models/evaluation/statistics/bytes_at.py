"""How many bytes an accuracy costs."""

import math
from dataclasses import dataclass

from shared_models.evaluation.statistics.curve import Curve


@dataclass(frozen=True, slots=True)
class BytesAt:
    """Mean bytes a picture at an accuracy."""

    bytes: float
    is_bound: bool
    """The codec's cheapest point is already this accurate: it may need fewer bytes than these."""


def bytes_at(curve: Curve, accuracy: float) -> BytesAt | None:
    """Interpolate ln(bytes) at an accuracy; None where the codec never reaches it."""
    if not len(curve.accuracy) or accuracy > curve.accuracy[-1]:
        return None
    if accuracy <= curve.accuracy[0]:
        return BytesAt(float(curve.bytes[0]), accuracy < curve.accuracy[0])
    return BytesAt(math.exp(float(curve.log_bytes_of()(accuracy))), is_bound=False)
