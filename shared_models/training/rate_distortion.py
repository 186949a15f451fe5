"""Steering a rate–distortion trade to target rates.

Instead of guessing lambda for every quality, each anchor's lambda follows its rate (dual ascent): it grows
while the rate is above its target and shrinks below. Targets start high and come down geometrically, since
a latent channel that has once collapsed does not come back.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from shared_models.codecs.slim.gains import interpolation_weights

LMBDA_MIN, LMBDA_MAX = 0.01, 1000.0  # low enough not to matter, high enough to come back in time


@dataclass(frozen=True, slots=True)
class RateTargets:
    """Bits a pixel at quality 0 and 100, geometric between; and how the targets come down to there."""

    bpp_low: float
    bpp_high: float
    start_factor: float = 6.0
    ramp_end: float = 0.3

    def at(self, quality: float, progress: float) -> float:
        """Return the target at a quality 0..100, `progress` (0..1) into the training."""
        final = self.bpp_low * math.pow(self.bpp_high / self.bpp_low, quality / 100)
        remaining = max(0.0, 1 - progress / self.ramp_end)
        return final * math.exp(math.log(self.start_factor) * remaining)


class RateController(nn.Module):
    """lambda(quality), interpolated in the log domain between anchors that follow their rates."""

    log_lmbda: Tensor
    bits_mean: Tensor
    target_mean: Tensor

    def __init__(self, anchors: Sequence[int], targets: RateTargets, lmbda_start: float = 0.1) -> None:
        """Start every anchor at `lmbda_start`."""
        super().__init__()
        self.anchors, self.targets = tuple(anchors), targets
        self.register_buffer("log_lmbda", torch.full((len(anchors),), math.log(lmbda_start)))
        self.register_buffer("bits_mean", torch.zeros(len(anchors)))
        self.register_buffer("target_mean", torch.zeros(len(anchors)))

    def lmbda(self, quality: Tensor) -> Tensor:
        """(B,) qualities -> (B,) lambdas."""
        return (interpolation_weights(quality, self.anchors) @ self.log_lmbda).exp()

    @torch.no_grad()
    def follow(self, quality: Tensor, bpp: Tensor, progress: float, speed: float = 0.015) -> None:
        """Move the anchors near each of the (B,) qualities by what (B,) rates miss their targets."""
        weights = interpolation_weights(quality, self.anchors)
        target = torch.tensor([self.targets.at(q, progress) for q in quality.tolist()], device=bpp.device)
        self.bits_mean.mul_(0.98).add_(weights.T @ bpp)
        self.target_mean.mul_(0.98).add_(weights.T @ target)
        miss = (self.bits_mean.clamp_min(1e-6) / self.target_mean.clamp_min(1e-6)).log().clamp(-1, 1)
        self.log_lmbda.add_(speed * miss * (weights.sum(dim=0) > 0))
        self.log_lmbda.clamp_(math.log(LMBDA_MIN), math.log(LMBDA_MAX))
