"""Residual blocks: the slimmable bottleneck of encoders and the plain block of decoders and bridges."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from shared_models.layers.slimmable_conv import SlimmableConv2d


class SlimmableBottleneck(nn.Module):
    """x + 1x1(relu(3x3(relu(1x1(x))))) with half the channels inside; starts as the identity."""

    def __init__(self, channels: Sequence[int]) -> None:
        """Take the channels of each width, narrowest first."""
        super().__init__()
        self.reduce = SlimmableConv2d([(C, C // 2) for C in channels], 1)
        self.spatial = SlimmableConv2d([(C // 2, C // 2) for C in channels], 3)
        self.expand = SlimmableConv2d([(C // 2, C) for C in channels], 1)
        nn.init.zeros_(self.expand.widest.weight)

    def forward(self, x: Tensor, width_index: int) -> Tensor:
        """(B, C, H, W) -> the same shape, with C as in channels[width_index]."""
        inner = F.relu(self.reduce(x, width_index))
        inner = F.relu(self.spatial(inner, width_index))
        out: Tensor = x + self.expand(inner, width_index)
        return F.relu(out)


class ResidualBlock(nn.Module):
    """x + 3x3(relu(3x3(x))), then ReLU; starts as the identity."""

    def __init__(self, channels: int) -> None:
        """Take the channels C of input, inside and output."""
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="relu")
        nn.init.zeros_(self.second.weight)
        assert self.second.bias is not None
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        out: Tensor = x + self.second(F.relu(self.first(x)))
        return F.relu(out)


class Bottleneck(nn.Module):
    """x + 1x1(silu(3x3(silu(1x1(x))))) with half the channels inside; starts as the identity."""

    def __init__(self, channels: int) -> None:
        """Take the channels C of input and output."""
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels // 2, 1)
        self.spatial = nn.Conv2d(channels // 2, channels // 2, 3, padding=1)
        self.expand = nn.Conv2d(channels // 2, channels, 1)
        for conv in (self.reduce, self.spatial):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        nn.init.zeros_(self.expand.weight)
        assert self.expand.bias is not None
        nn.init.zeros_(self.expand.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        inner = F.silu(self.spatial(F.silu(self.reduce(x))))
        out: Tensor = x + self.expand(inner)
        return out
