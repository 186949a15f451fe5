"""The checkerboard context model (He et al. 2021): two passes, the second one sees all its neighbours.

Anchors, the positions with an even sum of row and column, get scales and means from the hyper-parameters
alone; the others also from the anchors around them. This is the model to train with floats; what a package
ships is made by `context_training`.
"""

import torch
from torch import Tensor, nn

from shared_models.entropy.gaussian import gaussian_likelihood
from shared_models.entropy.quantisation import quantise


class CheckerboardContext(nn.Module):
    """Mean-scale Gaussian over y (B, C, H, W), given hyper-parameters (B, P, H, W)."""

    def __init__(self, channels: int, hyper_channels: int, kernel_size: int = 5) -> None:
        """Take C and P."""
        super().__init__()
        self.neighbours = nn.Conv2d(channels, 2 * channels, kernel_size, padding=kernel_size // 2)
        hidden = 2 * channels + hyper_channels
        self.parameters_net = nn.Sequential(
            nn.Conv2d(hidden, hidden, 1),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, 1),
            nn.ReLU(),
            nn.Conv2d(hidden, 2 * channels, 1),
        )

    def forward(self, y: Tensor, hyper: Tensor) -> tuple[Tensor, Tensor]:
        """Give (y_hat, likelihoods), both (B, C, H, W), noisy in training and rounded otherwise."""
        is_anchor = anchors(y)
        scales, means = self.anchor_parameters(hyper)
        first = quantise(y, means, is_training=self.training)
        context_scales, context_means = self.other_parameters(torch.where(is_anchor, first, 0.0), hyper)
        scales = torch.where(is_anchor, scales, context_scales)
        means = torch.where(is_anchor, means, context_means)
        y_hat = torch.where(is_anchor, first, quantise(y, means, is_training=self.training))
        return y_hat, gaussian_likelihood(y_hat, scales, means)

    def anchor_parameters(self, hyper: Tensor) -> tuple[Tensor, Tensor]:
        """Give scales and means (B, C, H, W) from `hyper` alone; they hold at the anchors."""
        B, _, H, W = hyper.shape
        return self._scales_and_means(hyper.new_zeros(B, self.neighbours.out_channels, H, W), hyper)

    def other_parameters(self, anchors_only: Tensor, hyper: Tensor) -> tuple[Tensor, Tensor]:
        """Give scales and means from the coded anchors, zero elsewhere, too; they hold at the others."""
        return self._scales_and_means(self.neighbours(anchors_only), hyper)

    def _scales_and_means(self, context: Tensor, hyper: Tensor) -> tuple[Tensor, Tensor]:
        scales, means = self.parameters_net(torch.cat([context, hyper], dim=1)).chunk(2, dim=1)
        return scales, means


def anchors(y: Tensor) -> Tensor:
    """Give (1, 1, H, W): whether a position is coded in the first pass."""
    H, W = y.shape[2:]
    rows = torch.arange(H, device=y.device).view(1, 1, H, 1)
    columns = torch.arange(W, device=y.device).view(1, 1, 1, W)
    return (rows + columns) % 2 == 0
