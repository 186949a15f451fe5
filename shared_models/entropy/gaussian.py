"""The conditional Gaussian: y given scales and means, discretised (Ballé et al. 2018; Minnen et al. 2018).

p(y) = Phi((1/2 - |y - mu|) / sigma) - Phi((-1/2 - |y - mu|) / sigma)
"""

import math
from typing import Final

import torch
from torch import Tensor, nn

from shared_models.entropy.lower_bound import lower_bound
from shared_models.entropy.quantisation import quantise

SCALE_MIN: Final = 0.11  # below, a symbol is zero almost surely
LIKELIHOOD_MIN: Final = 1e-9


class GaussianConditional(nn.Module):
    """Quantises y and gives the likelihood of what comes out."""

    def forward(self, y: Tensor, scales: Tensor, means: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Any shape, the same for all -> (y_hat, likelihoods), noisy in training and rounded otherwise."""
        y_hat = quantise(y, means, is_training=self.training)
        return y_hat, gaussian_likelihood(y_hat, scales, means)


def gaussian_likelihood(y_hat: Tensor, scales: Tensor, means: Tensor | None = None) -> Tensor:
    """Give the probability mass of y_hat within half a symbol, at least 1e-9."""
    distance = (y_hat if means is None else y_hat - means).abs()  # the smaller tails, where erfc is accurate
    root = lower_bound(scales, SCALE_MIN) * math.sqrt(2.0)
    upper = 0.5 * torch.erfc((distance - 0.5) / root)
    lower = 0.5 * torch.erfc((distance + 0.5) / root)
    return lower_bound(upper - lower, LIKELIHOOD_MIN)


def total_bits(likelihoods: Tensor) -> Tensor:
    """Sum -log2 over all but the batch: (B, ...) -> (B,)."""
    return -torch.log2(likelihoods).flatten(1).sum(dim=1)
