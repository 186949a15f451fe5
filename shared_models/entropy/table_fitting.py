"""Tables fitted to what a trained model leaves: residuals counted by table index, smoothed by a Gaussian."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared_models.entropy.gaussian_tables import ScaleLadder, gaussian_probabilities, table_of
from shared_models.entropy.tables import Table

RESIDUAL_MAX: Final = 320  # counted residuals; beyond lies the escape anyway
_PRIOR_COUNTS: Final = 30.0  # how many counts the Gaussian is worth
_ESCAPE_TAIL: Final = 2.0**-17  # a symbol this far out on either side is left to the escape


class ResidualCounts:
    """Counts residuals -320..320 for each of a number of tables."""

    def __init__(self, tables: int) -> None:
        """Start with nothing seen."""
        self.counts = np.zeros((tables, 2 * RESIDUAL_MAX + 1), np.int64)

    def add(self, indices: NDArray[np.integer], residuals: NDArray[np.integer]) -> None:
        """Count residuals, any shape, by their table indices, the same shape."""
        width = self.counts.shape[1]
        places = np.clip(residuals, -RESIDUAL_MAX, RESIDUAL_MAX).astype(np.int64) + RESIDUAL_MAX
        flat = indices.astype(np.int64).reshape(-1) * width + places.reshape(-1)
        self.counts += np.bincount(flat, minlength=self.counts.size).reshape(self.counts.shape)


def fitted_ladder(ladder: ScaleLadder, counts: ResidualCounts) -> list[Table]:
    """Give a table for each level and fraction of `ladder`, in the order of `ladder.tables()`."""
    pairs = [(scale, fraction) for scale in ladder.scales for fraction in ladder.fractions]
    return [fitted_table(row, *pair) for row, pair in zip(counts.counts, pairs, strict=True)]


def fitted_table(counts: NDArray[np.int64], scale: float, fraction: float = 0.0) -> Table:
    """Tabulate `counts` (641,) of residuals -320..320, or a Gaussian about `fraction` where they are few."""
    prior = gaussian_probabilities(scale, fraction, RESIDUAL_MAX)
    smoothed = (counts + _PRIOR_COUNTS * prior) / (counts.sum() + _PRIOR_COUNTS * prior.sum())
    low = int(np.searchsorted(np.cumsum(smoothed), _ESCAPE_TAIL))
    high = len(smoothed) - int(np.searchsorted(np.cumsum(smoothed[::-1]), _ESCAPE_TAIL))
    low, high = min(low, RESIDUAL_MAX), max(high, RESIDUAL_MAX + 1)  # zero always has its slot
    inside = smoothed[low:high]
    return table_of(inside, low - RESIDUAL_MAX, 1.0 - float(inside.sum()))
