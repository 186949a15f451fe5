"""The built-in detector: a bridge from latents to stride-8 features, and a tail of our own behind it.

The tail is trained from scratch on what a frozen detector makes of the same features, stage by stage, so
that a default installation needs no third-party weights. Its outputs have YOLOX's layout.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared_models.bridges.bridge_network import BridgeNetwork, FeatureMap, framed_whole
from shared_models.bridges.yolox import Prediction
from shared_models.layers.residual import Bottleneck

SCORE_START = 0.01  # what an untrained head believes: few cells hold an object (Lin et al. 2017, focal loss)

Network = TypeVar("Network", bound=nn.Module)
Guide: TypeAlias = Callable[[str, Tensor], Tensor]
"""Sees the features of a stage by name and returns those that the next stages take."""


@dataclass(frozen=True, slots=True)
class TailConfig:
    """Channels of the levels at strides 8, 16, 32 and of the heads; blocks a stage; classes."""

    channels: tuple[int, int, int] = (64, 128, 256)
    head_channels: int = 64
    blocks: int = 2
    classes: int = 80


class DetectorTail(nn.Module):
    """Stride-8 features down to stride 32, up to stride 8, down again, a head on each level."""

    def __init__(self, config: TailConfig) -> None:
        """Take the sizes from `config`."""
        super().__init__()
        c3, c4, c5 = config.channels
        n = config.blocks
        self.down_16 = nn.Sequential(halving(c3, c4), nn.SiLU(), *blocks(c4, n + 1))
        self.down_32 = nn.Sequential(halving(c4, c5), nn.SiLU(), Surroundings(c5), *blocks(c5, n))
        self.from_32, self.up_16 = nn.Conv2d(c5, c4, 1), Merge(2 * c4, c4, n)
        self.from_16, self.up_8 = nn.Conv2d(c4, c3, 1), Merge(2 * c3, c3, n)
        self.from_8, self.again_16 = halving(c3, c3), Merge(c3 + c4, c4, n)
        self.onto_32, self.again_32 = halving(c4, c4), Merge(c4 + c5, c5, n)
        self.heads = nn.ModuleList(DetectorHead(c, config) for c in config.channels)

    def forward(self, P3: Tensor, guide: Guide | None = None) -> list[Prediction]:
        """P3 (B, C, h, w) -> predictions at strides 8, 16, 32; `guide` sees every stage on the way."""
        see = guide or _unguided
        P4 = see("P4", self.down_16(P3))
        P5 = see("P5", self.down_32(P4))
        F4 = see("F4", self.up_16(torch.cat([P4, _enlarge(self.from_32(P5), P4)], dim=1)))
        N3 = see("N3", self.up_8(torch.cat([P3, _enlarge(self.from_16(F4), P3)], dim=1)))
        N4 = see("N4", self.again_16(torch.cat([self.from_8(N3), F4], dim=1)))
        N5 = see("N5", self.again_32(torch.cat([self.onto_32(N4), P5], dim=1)))
        return [head(x, i, see) for i, (head, x) in enumerate(zip(self.heads, [N3, N4, N5], strict=True))]


class Merge(nn.Module):
    """A pointwise convolution that joins concatenated levels, then residual blocks."""

    def __init__(self, channels_in: int, channels: int, count: int) -> None:
        """Take the channels of the concatenation and of the result."""
        super().__init__()
        self.join = nn.Conv2d(channels_in, channels, 1)
        self.blocks = nn.Sequential(*blocks(channels, count))

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, h, w) -> (B, channels, h, w)."""
        out: Tensor = self.blocks(F.silu(self.join(x)))
        return out


class Surroundings(nn.Module):
    """Adds to every cell the maxima of wider and wider surroundings (He et al. 2014, in cascade)."""

    def __init__(self, channels: int) -> None:
        """Take the channels of input and output."""
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels // 2, 1)
        self.expand = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C, h, w); a cell sees 13 cells around it."""
        near = [F.silu(self.reduce(x))]
        for _ in range(3):
            near.append(F.max_pool2d(near[-1], 5, stride=1, padding=2))
        return F.silu(self.expand(torch.cat(near, dim=1)))


class DetectorHead(nn.Module):
    """Class scores from one tower, box and objectness from another."""

    def __init__(self, channels: int, config: TailConfig) -> None:
        """Take the level's channels."""
        super().__init__()
        N = config.head_channels
        self.enter = nn.Conv2d(channels, N, 1)
        self.for_classes = nn.Sequential(*blocks(N, config.blocks))
        self.for_boxes = nn.Sequential(*blocks(N, config.blocks))
        self.classes = nn.Conv2d(N, config.classes, 1)
        self.objectness, self.boxes = nn.Conv2d(N, 1, 1), nn.Conv2d(N, 4, 1)
        for scores in (self.classes, self.objectness):
            assert scores.bias is not None
            nn.init.constant_(scores.bias, math.log(SCORE_START / (1 - SCORE_START)))

    def forward(self, features: Tensor, level: int, see: Guide) -> Prediction:
        """(B, C, h, w) -> logits and raw boxes; `level` counts from stride 8."""
        t = F.silu(self.enter(features))
        classes = see(f"classes_{level}", self.for_classes(t))
        boxes = see(f"boxes_{level}", self.for_boxes(t))
        return Prediction(self.classes(classes), self.objectness(boxes), self.boxes(boxes))


class LatentDetectorNetwork(nn.Module):
    """Latents to YOLOX-like maps: what `detect.onnx` holds."""

    def __init__(self, bridge: BridgeNetwork | None = None, tail: TailConfig | None = None) -> None:
        """Put a tail of random weights behind `bridge`, else behind one of random weights, too."""
        super().__init__()
        self.config = tail or TailConfig()
        self.bridge = bridge or BridgeNetwork([FeatureMap(stride=8, channels=self.config.channels[0])])
        self.tail = DetectorTail(self.config)

    def features(self, y_hat: Tensor) -> Tensor:
        """(B, 64, h, w) latents that are all picture -> features (B, C, 2h, 2w)."""
        features: Tensor = self.bridge(framed_whole(y_hat))[0]
        return features

    def forward(self, y_hat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 64, h, w) latents -> maps (B, 85, H/S, W/S) for strides S 8, 16, 32, scores in [0, 1]."""
        m8, m16, m32 = (prediction.maps() for prediction in self.tail(self.features(y_hat)))
        return m8, m16, m32


def halving(channels_in: int, channels: int) -> nn.Conv2d:
    """Make a 3x3 convolution that halves the sides, odd ones rounded up."""
    return nn.Conv2d(channels_in, channels, 3, stride=2, padding=1)


def blocks(channels: int, count: int) -> list[nn.Module]:
    """Make residual blocks."""
    return [Bottleneck(channels) for _ in range(count)]


def _unguided(name: str, features: Tensor) -> Tensor:
    return features


def _enlarge(x: Tensor, like: Tensor) -> Tensor:
    """Double the sides, then cut to those of `like`, which may be odd."""
    doubled = F.interpolate(x, scale_factor=2.0, mode="nearest")
    return doubled[:, :, : like.shape[2], : like.shape[3]]


def freeze(network: Network) -> Network:
    """Return `network` without gradients, in evaluation mode."""
    return network.requires_grad_(False).eval()
