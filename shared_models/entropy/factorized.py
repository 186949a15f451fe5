"""The factorised prior: one learned density per channel (Ballé et al. 2018, appendix 6.1).

A channel's cumulative is a monotone scalar network 1-3-3-3-3-1 under a sigmoid. Its `quantiles` follow the
two tails and the median, about which symbols are rounded; they have a loss, and so an optimiser, of their
own.
"""

import math
from itertools import pairwise
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared_models.entropy.gaussian import LIKELIHOOD_MIN
from shared_models.entropy.gaussian_tables import table_of
from shared_models.entropy.lower_bound import lower_bound
from shared_models.entropy.quantisation import quantise
from shared_models.entropy.tables import Table

_WIDTHS: Final = (1, 3, 3, 3, 3, 1)
_SCALE_START: Final = 10.0
_TAIL_MASS: Final = 1e-9


class FactorizedPrior(nn.Module):
    """Quantises z (B, C, ...) and gives the likelihood of what comes out, channel by channel."""

    def __init__(self, channels: int) -> None:
        """Start with every density about ten symbols wide."""
        super().__init__()
        self.matrices, self.biases, self.factors = nn.ParameterList(), nn.ParameterList(), nn.ParameterList()
        scale = _SCALE_START ** (1 / (len(_WIDTHS) - 1))
        for inputs, outputs in pairwise(_WIDTHS):
            start = math.log(math.expm1(1 / (scale * outputs)))
            self.matrices.append(nn.Parameter(torch.full((channels, outputs, inputs), start)))
            self.biases.append(nn.Parameter(torch.empty(channels, outputs, 1).uniform_(-0.5, 0.5)))
        for outputs in _WIDTHS[1:-1]:
            self.factors.append(nn.Parameter(torch.zeros(channels, outputs, 1)))
        tails = torch.tensor([-_SCALE_START, 0.0, _SCALE_START])
        self.quantiles = nn.Parameter(tails.repeat(channels, 1, 1))  # (C, 1, 3)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, ...) -> (z_hat, likelihoods), noisy in training and rounded about the medians otherwise."""
        medians = self.medians.view(1, -1, *[1] * (z.dim() - 2))
        z_hat = quantise(z, medians, is_training=self.training)
        by_channel = z_hat.transpose(0, 1).flatten(1).unsqueeze(1)  # (C, 1, B * ...)
        likelihoods = self._likelihoods(by_channel).view(z_hat.transpose(0, 1).shape).transpose(0, 1)
        return z_hat, likelihoods

    @property
    def medians(self) -> Tensor:
        """The medians (C,), without gradient."""
        return self.quantiles[:, 0, 1].detach()

    def quantile_loss(self) -> Tensor:
        """Give how far the quantiles' logits are from tails and median; only the quantiles learn by it."""
        tail = math.log(2 / _TAIL_MASS - 1)
        target = torch.tensor([-tail, 0.0, tail]).to(self.quantiles)
        return (self._logits(self.quantiles, is_frozen=True) - target).abs().sum()

    @torch.no_grad()
    def tables(self) -> list[Table]:
        """Give the table of each channel, for symbols rounded about its median."""
        tables: list[Table] = []
        for channel, (low, median, high) in enumerate(self.quantiles[:, 0].tolist()):
            first, last = min(math.floor(low - median), 0), max(math.ceil(high - median), 1)
            grid = torch.arange(first, last + 1, dtype=torch.float32) + median
            row = self._likelihoods(grid.expand(len(self.quantiles), 1, -1).to(self.quantiles))[channel, 0]
            inside = row.double().cpu().numpy()
            tables.append(table_of(inside, first, max(1.0 - float(np.sum(inside)), _TAIL_MASS)))
        return tables

    def _likelihoods(self, z: Tensor) -> Tensor:
        """(C, 1, N) -> (C, 1, N)."""
        lower, upper = self._logits(z - 0.5), self._logits(z + 0.5)
        sign = -torch.sign(lower + upper).detach()  # the smaller tails, where the sigmoid is accurate
        return lower_bound((torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs(), LIKELIHOOD_MIN)

    def _logits(self, v: Tensor, *, is_frozen: bool = False) -> Tensor:
        """(C, 1, N) -> (C, 1, N): the cumulative before its sigmoid."""
        for k, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            weight, shift = (matrix.detach(), bias.detach()) if is_frozen else (matrix, bias)
            v = F.softplus(weight) @ v + shift
            if k < len(self.factors):
                factor = self.factors[k].detach() if is_frozen else self.factors[k]
                v = v + torch.tanh(factor) * torch.tanh(v)
        return v
