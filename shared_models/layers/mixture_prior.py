"""The training-time rate model: one mixture of logistics a channel, shared by every quality and width.

The density lives in latent space. A symbol at a given gain is the mass of the latents that round to it,
so one prior serves every quality, and the rate is differentiable in latents and gains alike. The shipped
entropy model has integer tables and context; this one only steers training.
"""

import math

import torch
from torch import Tensor, nn

MASS_MIN = 2.0**-20  # keeps the logarithm finite far out in the tails


class LogisticMixturePrior(nn.Module):
    """p(y) a channel: a mixture of logistic distributions."""

    def __init__(self, channels: int, components: int = 3) -> None:
        """Take the latent channels C and the number of logistics K a channel."""
        super().__init__()
        spread = torch.linspace(-1.5, 1.0, components)  # from a sharp peak to heavy tails
        self.log_scale = nn.Parameter(spread.expand(channels, components).clone())
        self.mean = nn.Parameter(torch.zeros(channels, components))
        self.logit = nn.Parameter(torch.zeros(channels, components))

    def bits(self, symbols: Tensor, gain: Tensor) -> Tensor:
        """(B, C, h, w) symbols (noisy or whole) at (B, C, 1, 1) gains -> (B, C, h, w) bits."""
        mass = torch.zeros_like(symbols)
        weight = self.logit.softmax(dim=1)
        for k in range(weight.shape[1]):
            mean = self.mean[:, k].view(1, -1, 1, 1)
            inverse_scale = (-self.log_scale[:, k]).exp().view(1, -1, 1, 1)
            # P(low < y < high) for logistics, written so that both tails keep their precision.
            centre = (symbols / gain - mean).abs()
            half = 0.5 / gain
            upper, lower = (half - centre) * inverse_scale, (-half - centre) * inverse_scale
            mass = mass + weight[:, k].view(1, -1, 1, 1) * (upper.sigmoid() - lower.sigmoid())
        return -(mass + MASS_MIN).log() / math.log(2)
