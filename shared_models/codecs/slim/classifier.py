"""The built-in classifier: base latents to ImageNet's 1,000 classes, no picture and no other network.

The network is a chain of stages. Each ends in a map as wide as one that a MobileNetV2 has there, so that
every stage can be taught by itself what it should see (Romero et al. 2015, "FitNets"); inside, the stages
are as wide and deep as latents need.
"""

from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared_models.errors import InputError

LATENT_CHANNELS: Final = 64
CLASSES: Final = 1000
GRID: Final = 14
"""Cells a side on which the stages after the first work: a teacher's 224 px at stride 16."""
MAP_CHANNELS: Final = (64, 96, 160, 320)
"""Of the maps between the stages: two at GRID, two at half of it."""
FEATURE_CHANNELS: Final = 1280
CENTRE_SHARE: Final = (7, 8)  # of the short side is looked at: 224 of 256, as ImageNet's classifiers do
FIRST_WIDTH, FIRST_BLOCKS = 128, 6


class Bottleneck(nn.Module):
    """x + 1x1(relu(3x3(relu(1x1(x))))) with half the channels inside, normalised; starts as the identity."""

    def __init__(self, channels: int) -> None:
        """Take the channels C of input and output."""
        super().__init__()
        half = channels // 2
        self.reduce = nn.Sequential(nn.Conv2d(channels, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU())
        self.spatial = nn.Sequential(
            nn.Conv2d(half, half, 3, padding=1, bias=False), nn.BatchNorm2d(half), nn.ReLU()
        )
        self.expand = nn.Sequential(nn.Conv2d(half, channels, 1, bias=False), nn.BatchNorm2d(channels))
        norm = self.expand[1]
        assert isinstance(norm, nn.BatchNorm2d)
        nn.init.zeros_(norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C, h, w)."""
        out: Tensor = x + self.expand(self.spatial(self.reduce(x)))
        return F.relu(out)


class InvertedResidual(nn.Module):
    """1x1 to many channels, 3x3 on each, 1x1 back (Sandler et al. 2018); added to x where shapes allow."""

    def __init__(self, channels: int, hidden: int, out_channels: int, stride: int = 1) -> None:
        """Take the channels of input, inside and output."""
        super().__init__()
        self.is_residual = channels == out_channels and stride == 1
        self.widen = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU()
        )
        self.spatial = nn.Sequential(
            nn.Conv2d(hidden, hidden, 3, stride, padding=1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
        )
        self.narrow = nn.Sequential(
            nn.Conv2d(hidden, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C_out, ceil(h/stride), ceil(w/stride))."""
        out: Tensor = self.narrow(self.spatial(self.widen(x)))
        return x + out if self.is_residual else out


class FirstStage(nn.Module):
    """Latents of any size to the first map, on a grid of fixed size."""

    def __init__(self, width: int = FIRST_WIDTH, blocks: int = FIRST_BLOCKS) -> None:
        """Take the channels and the blocks inside."""
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1, LATENT_CHANNELS, 1, 1))
        self.enter = nn.Sequential(
            nn.Conv2d(LATENT_CHANNELS, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.blocks = nn.Sequential(*(Bottleneck(width) for _ in range(blocks)))
        self.leave = nn.Conv2d(width, MAP_CHANNELS[0], 1)

    def forward(self, y_hat: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 64, h, w) -> map (B, 64, GRID, GRID) and what lies before it (B, width, GRID, GRID)."""
        x = self.blocks(self.enter(y_hat * self.scale))
        x = F.interpolate(x, size=(GRID, GRID), mode="bilinear", align_corners=False)
        return self.leave(x), x


class Stage(nn.Module):
    """From one map to the next; what lay before the map comes along, and may be zero."""

    def __init__(
        self, channels: int, along: int, blocks: nn.Sequential, width: int, out_channels: int
    ) -> None:
        """Take the channels of the map and of what comes along, and blocks that begin with `width`."""
        super().__init__()
        self.lift = nn.Conv2d(channels, width, 1)
        self.carry = nn.Conv2d(along, width, 1, bias=False)
        self.blocks = blocks
        self.leave = nn.Conv2d(_out_width(blocks), out_channels, 1)

    def forward(self, given: Tensor, along: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, C, h, w) and along (B, A, h, w) -> the next map and what lies before it."""
        x = self.blocks(self.lift(given) + self.carry(along))
        return self.leave(x), x


class ClassifierHead(nn.Module):
    """From the last map to features and logits, as a MobileNetV2 ends."""

    def __init__(self) -> None:
        """Start from random weights."""
        super().__init__()
        self.widen = nn.Conv2d(MAP_CHANNELS[-1], FEATURE_CHANNELS, 1)
        self.classes = nn.Linear(FEATURE_CHANNELS, CLASSES)

    def forward(self, last_map: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 320, h, w) -> features (B, 1280), logits (B, 1000)."""
        features = self.widen(last_map).clamp(0, 6).mean(dim=(2, 3))
        return features, self.classes(features)


class LatentClassifierNet(nn.Module):
    """Latents to logits by way of four maps, each of mean 0 and variance 1 as far as it is known."""

    def __init__(self, first_width: int = FIRST_WIDTH, first_blocks: int = FIRST_BLOCKS) -> None:
        """Take channels and blocks of the first stage."""
        super().__init__()
        self.first = FirstStage(first_width, first_blocks)
        at_16 = nn.Sequential(InvertedResidual(128, 448, 128), InvertedResidual(128, 448, 128))
        to_32 = nn.Sequential(InvertedResidual(128, 512, 160, stride=2), InvertedResidual(160, 512, 160))
        at_32 = nn.Sequential(InvertedResidual(160, 768, 320))
        self.stages = nn.ModuleList(
            (
                Stage(MAP_CHANNELS[0], first_width, at_16, 128, MAP_CHANNELS[1]),
                Stage(MAP_CHANNELS[1], 128, to_32, 128, MAP_CHANNELS[2]),
                Stage(MAP_CHANNELS[2], 160, at_32, 160, MAP_CHANNELS[3]),
            )
        )
        self.head = ClassifierHead()

    def forward(self, y_hat: Tensor) -> Tensor:
        """(B, 64, h, w) of any size -> logits (B, 1000) of its centre."""
        given, along = self.first(centre_square(y_hat))
        for stage in self.stages:
            given, along = stage(given, along)
        _, logits = self.head(given)
        out: Tensor = logits
        return out


def centre_square(y_hat: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, C, side, side): a square of 7/8 of the short side, from the middle.

    Rounded down, for h and w are already rounded up to whole cells.
    """
    # Tensors instead of numbers, so that tracing for export keeps the sides dynamic.
    h, w = (torch.as_tensor(side) for side in y_hat.shape[2:])
    part, whole = CENTRE_SHARE
    side = (torch.minimum(h, w) * part // whole).clamp_min(1)
    top, left = (h - side) // 2, (w - side) // 2
    return y_hat[:, :, top : top + side, left : left + side]


def load_classifier(checkpoint: Path) -> LatentClassifierNet:
    """Read a training checkpoint into a network in evaluation mode, on the CPU; raise InputError."""
    net = LatentClassifierNet()
    try:
        state: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
        net.load_state_dict(state["classifier"])
    except (OSError, KeyError, RuntimeError) as error:
        raise InputError(f"{checkpoint} is no checkpoint of the classifier; train one first") from error
    return net.eval()


def _out_width(blocks: nn.Sequential) -> int:
    norms = [module for module in blocks.modules() if isinstance(module, nn.BatchNorm2d)]
    return norms[-1].num_features
