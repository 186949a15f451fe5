"""How far figures would move with other pictures of the same kind: the bootstrap over pictures.

B. Efron, "Bootstrap methods" (1979): the pictures are drawn again with replacement, as many as there are, and
the figure is computed on each draw; the interval is made of their percentiles. Every codec sees the same
draws, so that a difference between two of them is judged picture by picture.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

DRAWS: Final = 200
SEED: Final = 20261121
COVERAGE: Final = 0.95


def draw_pictures(pictures: int, draws: int = DRAWS, seed: int = SEED) -> NDArray[np.int64]:
    """Return how often each picture is in each draw: (draws, pictures), rows sum to `pictures`."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(pictures, np.full(pictures, 1 / pictures), size=draws)


def mean_of_draws(values: Sequence[float], draws: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean of a value per picture, draw by draw."""
    mean: NDArray[np.float64] = draws @ np.asarray(values, float) / draws.sum(axis=1)
    return mean


def interval(
    samples: NDArray[np.float64], measured: float | None = None, coverage: float = COVERAGE
) -> tuple[float, float] | None:
    """Return the interval of a figure by its draws; None where fewer than half of them have one.

    Draws of average precision lie above it on the whole: a class of which a draw holds nothing does not
    count, and pictures that a draw holds twice agree with themselves. With `measured`, the figure of all
    pictures, the percentiles are corrected for such a bias (B. Efron, "Nonparametric standard errors and
    confidence intervals", 1981).
    """
    defined = samples[np.isfinite(samples)]
    if len(defined) < max(2, len(samples) / 2):
        return None
    normal = NormalDist()
    shift = 0.0
    if measured is not None:
        below = np.mean(defined < measured) + np.mean(defined == measured) / 2
        shift = 2 * normal.inv_cdf(float(np.clip(below, 1 / (2 * len(defined)), 1 - 1 / (2 * len(defined)))))
    reach = normal.inv_cdf((1 + coverage) / 2)
    low, high = np.quantile(defined, [normal.cdf(shift - reach), normal.cdf(shift + reach)])
    return float(low), float(high)
