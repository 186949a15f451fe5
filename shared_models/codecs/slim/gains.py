"""Continuous quality: one logarithmic gain a channel, learnt at a few anchors and interpolated between."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from shared_models.codecs.slim.config import QUALITY_MAX

LOG_GAIN_START = (-0.5, 1.5)  # at quality 0 and 100, for latents of about unit variance


class GainTable(nn.Module):
    """gain(quality, channel) = exp of the line between the two nearest anchors."""

    def __init__(self, channels: int, anchors: Sequence[int]) -> None:
        """Take the latent channels C and the anchor qualities, ascending, 0 and 100 included."""
        super().__init__()
        self.anchors = tuple(anchors)
        low, high = LOG_GAIN_START
        start = torch.tensor([low + (high - low) * a / QUALITY_MAX for a in self.anchors])
        self.log_gain = nn.Parameter(start.unsqueeze(1).expand(-1, channels).clone())

    def forward(self, quality: Tensor) -> Tensor:
        """(B,) qualities in 0..100 -> (B, C, 1, 1) gains."""
        log_gain = interpolation_weights(quality, self.anchors) @ self._rising()
        return log_gain.exp().unsqueeze(2).unsqueeze(3)

    def table(self) -> Tensor:
        """Return log gains (101, C) at the whole qualities 0..100, float32: what a package ships."""
        quality = torch.arange(QUALITY_MAX + 1, dtype=torch.float32, device=self.log_gain.device)
        return interpolation_weights(quality, self.anchors) @ self._rising().detach().float()

    def _rising(self) -> Tensor:
        """Log gains at the anchors, none below that of a lower quality: more quality never costs fewer bits.

        Training alone does not see to that: where rate no longer buys anything, gains wander.
        """
        return self.log_gain.cummax(dim=0).values


def interpolation_weights(quality: Tensor, anchors: Sequence[int]) -> Tensor:
    """(B,) qualities -> (B, len(anchors)) weights of linear interpolation, each row summing to one."""
    knots = torch.tensor(anchors, dtype=torch.float32, device=quality.device)
    right = torch.searchsorted(knots, quality.contiguous(), right=True).clamp(1, len(anchors) - 1)
    fraction = (quality - knots[right - 1]) / (knots[right] - knots[right - 1])
    weights = torch.zeros(len(quality), len(anchors), device=quality.device)
    weights.scatter_(1, right.unsqueeze(1), fraction.unsqueeze(1))
    return weights.scatter_(1, (right - 1).unsqueeze(1), 1 - fraction.unsqueeze(1))
