"""The built-in detector: a bridge from latents to stride-8 features, and a tail of our own behind it.

The tail is trained from scratch on the answers of a frozen detector, so that a default installation
needs no third-party weights. Its outputs have YOLOX's layout.
"""

import math
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from shared_models.bridges.feature_bridge import BridgeConfig, FeatureBridge
from shared_models.bridges.yolox import Prediction
from shared_models.layers.residual import ResidualBlock

SCORE_START = 0.01  # what an untrained head believes: few cells hold an object (Lin et al. 2017, focal loss)


@dataclass(frozen=True, slots=True)
class TailConfig:
    """Channels of the levels at strides 8, 16, 32 and of the heads; classes."""

    channels: tuple[int, int, int] = (64, 128, 192)
    head_channels: int = 64
    classes: int = 80


class DetectorTail(nn.Module):
    """Stride-8 features down to stride 32, back up to stride 8, a head on each level."""

    def __init__(self, config: TailConfig) -> None:
        """Take the sizes from `config`."""
        super().__init__()
        c3, c4, c5 = config.channels
        self.to_16 = nn.Conv2d(c3, c4, 3, stride=2, padding=1)
        self.at_16 = nn.Sequential(ResidualBlock(c4), ResidualBlock(c4))
        self.to_32 = nn.Conv2d(c4, c5, 3, stride=2, padding=1)
        self.at_32 = nn.Sequential(ResidualBlock(c5), ResidualBlock(c5))
        self.up_to_16, self.merge_16 = nn.Conv2d(c5, c4, 1), ResidualBlock(c4)
        self.up_to_8, self.merge_8 = nn.Conv2d(c4, c3, 1), ResidualBlock(c3)
        self.heads = nn.ModuleList(DetectorHead(c, config) for c in config.channels)

    def pyramid(self, P3: Tensor) -> list[Tensor]:
        """P3 (B, C, h, w) -> features at strides 8, 16, 32."""
        P4 = self.at_16(F.relu(self.to_16(P3)))
        N5 = self.at_32(F.relu(self.to_32(P4)))
        N4 = self.merge_16(P4 + _enlarge(self.up_to_16(N5), P4))
        N3 = self.merge_8(P3 + _enlarge(self.up_to_8(N4), P3))
        return [N3, N4, N5]

    def forward(self, P3: Tensor) -> list[Prediction]:
        """P3 (B, C, h, w) -> predictions at strides 8, 16, 32."""
        return self.predict(self.pyramid(P3))

    def predict(self, pyramid: list[Tensor]) -> list[Prediction]:
        """Run the heads on `pyramid`."""
        return [head(level) for head, level in zip(self.heads, pyramid, strict=True)]


class DetectorHead(nn.Module):
    """Class scores from one pair of convolutions, box and objectness from another."""

    def __init__(self, channels: int, config: TailConfig) -> None:
        """Take the level's channels."""
        super().__init__()
        N = config.head_channels
        self.enter = nn.Conv2d(channels, N, 1)
        self.for_classes, self.for_boxes = ResidualBlock(N), ResidualBlock(N)
        self.classes = nn.Conv2d(N, config.classes, 1)
        self.objectness, self.boxes = nn.Conv2d(N, 1, 1), nn.Conv2d(N, 4, 1)
        for scores in (self.classes, self.objectness):
            assert scores.bias is not None
            nn.init.constant_(scores.bias, math.log(SCORE_START / (1 - SCORE_START)))

    def forward(self, level: Tensor) -> Prediction:
        """(B, C, h, w) -> logits and raw boxes."""
        t = F.relu(self.enter(level))
        boxes = self.for_boxes(t)
        return Prediction(self.classes(self.for_classes(t)), self.objectness(boxes), self.boxes(boxes))


class LatentDetectorNetwork(nn.Module):
    """Latents to YOLOX-like maps: what `detect.onnx` holds."""

    def __init__(self, bridge: BridgeConfig | None = None, tail: TailConfig | None = None) -> None:
        """Start from random weights."""
        super().__init__()
        self.config = tail or TailConfig()
        self.bridge = FeatureBridge(bridge or BridgeConfig())
        self.tail = DetectorTail(self.config)

    def forward(self, y_hat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 64, h, w) latents -> maps (B, 85, H/S, W/S) for strides S 8, 16, 32, scores in [0, 1]."""
        m8, m16, m32 = (prediction.maps() for prediction in self.tail(self.bridge(y_hat)))
        return m8, m16, m32


def _enlarge(x: Tensor, like: Tensor) -> Tensor:
    """Double the sides, then cut to those of `like`, which may be odd."""
    doubled = F.interpolate(x, scale_factor=2.0, mode="nearest")
    return doubled[:, :, : like.shape[2], : like.shape[3]]


def freeze(network: nn.Module) -> nn.Module:
    """Return `network` without gradients, in evaluation mode."""
    return network.requires_grad_(False).eval()
