"""Tables of discretised Gaussians: a geometric ladder of scales, each at several fractions of a symbol's
mean.

A network gives a scale level and a mean in fractions of a symbol; the whole part of the mean shifts the
symbol, the rest chooses the table, so that a mean between two integers costs nothing at run time.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared_models.entropy.cdf import cumulative_counts
from shared_models.entropy.tables import SLOTS_MAX, Table

_RADIUS_SCALES = 4.0  # beyond this many scales a symbol is an escape: 6e-5 of a Gaussian
_CERTAIN_ESCAPE = 2.0**-14  # a symbol less likely than this not to be zero is taken for zero


@dataclass(frozen=True, slots=True)
class ScaleLadder:
    """`levels` scales from `lowest` to `highest` symbols, and means in 2^-mean_bits of a symbol."""

    lowest: float = 0.11  # below, a symbol is zero almost surely
    highest: float = 64.0
    levels: int = 44
    mean_bits: int = 3

    @property
    def log_step(self) -> float:
        """Natural logarithm of the ratio of neighbouring scales."""
        return math.log(self.highest / self.lowest) / (self.levels - 1)

    @property
    def scales(self) -> NDArray[np.float64]:
        """The scales (levels,), in symbols."""
        return np.asarray(self.lowest * np.exp(self.log_step * np.arange(self.levels)), np.float64)

    @property
    def fractions(self) -> NDArray[np.float64]:
        """The fractional means (2^mean_bits,), in symbols."""
        return np.asarray(np.arange(1 << self.mean_bits) / (1 << self.mean_bits), np.float64)

    def level_of(self, scale: NDArray[np.float64]) -> NDArray[np.int64]:
        """Give the nearest level for each scale."""
        ratio = np.log(np.maximum(scale, self.lowest) / self.lowest) / self.log_step
        return np.clip(np.rint(ratio), 0, self.levels - 1).astype(np.int64)

    def tables(self) -> list[Table]:
        """Give the table of each level and fraction; level x and fraction f are at x * 2^mean_bits + f."""
        return [gaussian_table(scale, fraction) for scale in self.scales for fraction in self.fractions]


def gaussian_probabilities(scale: float, fraction: float, radius: int) -> NDArray[np.float64]:
    """Give the probabilities (2 radius + 1,) of -radius..radius for a rounded Gaussian about `fraction`."""
    edges = (np.arange(-radius, radius + 2) - 0.5 - fraction) / (scale * math.sqrt(2.0))
    below = np.array([0.5 * math.erfc(-edge) for edge in edges])
    return np.asarray(np.diff(below))


def gaussian_table(scale: float, fraction: float = 0.0) -> Table:
    """Tabulate a Gaussian of `scale` symbols about `fraction`, rounded to integers."""
    radius = min(math.ceil(_RADIUS_SCALES * scale) + 1, (SLOTS_MAX - 2) // 2)
    inside = gaussian_probabilities(scale, fraction, radius)
    return table_of(inside, -radius, 1.0 - float(inside.sum()))


def table_of(inside: NDArray[np.float64], minimum: int, outside: float) -> Table:
    """Make a table from the probabilities of the symbols from `minimum` on, and of all others together."""
    total = float(inside.sum()) + outside
    is_certain = minimum <= 0 < minimum + len(inside) and 1.0 - inside[-minimum] / total < _CERTAIN_ESCAPE
    probabilities = np.append(inside, max(outside, 0.0))
    return Table(cumulative_counts(probabilities), minimum, bool(is_certain))
