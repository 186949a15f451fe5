"""The built-in classifier: base latents to ImageNet's 1,000 classes, no picture and no other network."""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared_models.errors import InputError

LATENT_CHANNELS = 64
CLASSES = 1000
MAP_CHANNELS, FEATURE_CHANNELS = (
    320,
    1280,
)  # the widths of the teacher's last stages, so that they can be imitated
CENTRE_SHARE = (7, 8)  # of the short side is looked at: 224 of 256, as ImageNet's classifiers do


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


class ClassifierHead(nn.Module):
    """From the last map to features and logits, as a MobileNetV2 ends."""

    def __init__(self, dropout: float = 0.0) -> None:
        """Start from random weights."""
        super().__init__()
        self.widen = nn.Conv2d(MAP_CHANNELS, FEATURE_CHANNELS, 1)
        self.dropout = nn.Dropout(dropout)
        self.classes = nn.Linear(FEATURE_CHANNELS, CLASSES)

    def forward(self, last_map: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 320, h, w) -> features (B, 1280), logits (B, 1000)."""
        features = self.widen(last_map).clamp(0, 6).mean(dim=(2, 3))
        return features, self.classes(self.dropout(features))


class LatentClassifierNet(nn.Module):
    """Latents to logits by way of a map at stride 32."""

    def __init__(self, at_16: int = 128, at_32: int = 256, blocks: tuple[int, int] = (2, 4)) -> None:
        """Take the channels and the blocks at strides 16 and 32."""
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1, LATENT_CHANNELS, 1, 1))
        self.enter = nn.Sequential(
            nn.Conv2d(LATENT_CHANNELS, at_16, 3, padding=1, bias=False), nn.BatchNorm2d(at_16), nn.ReLU()
        )
        self.at_16 = nn.Sequential(*(Bottleneck(at_16) for _ in range(blocks[0])))
        self.to_32 = nn.Sequential(
            nn.Conv2d(at_16, at_32, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(at_32), nn.ReLU()
        )
        self.at_32 = nn.Sequential(*(Bottleneck(at_32) for _ in range(blocks[1])))
        self.leave = nn.Conv2d(at_32, MAP_CHANNELS, 1)
        self.head = ClassifierHead()

    def last_map(self, y_hat: Tensor) -> Tensor:
        """(B, 64, h, w) -> (B, 320, ceil(h/2), ceil(w/2))."""
        t = self.at_16(self.enter(y_hat * self.scale))
        out: Tensor = self.leave(self.at_32(self.to_32(t)))
        return out

    def forward(self, y_hat: Tensor) -> Tensor:
        """(B, 64, h, w) of any size -> logits (B, 1000) of its centre."""
        _, logits = self.head(self.last_map(centre_square(y_hat)))
        out: Tensor = logits
        return out


def centre_square(y_hat: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, C, side, side): a square of 7/8 of the short side, from the middle."""
    # Tensors instead of numbers, so that tracing for export keeps the sides dynamic.
    h, w = (torch.as_tensor(side) for side in y_hat.shape[2:])
    part, whole = CENTRE_SHARE
    side = (torch.minimum(h, w) * part + whole // 2) // whole
    top, left = (h - side) // 2, (w - side) // 2
    return y_hat[:, :, top : top + side, left : left + side]


def load_classifier(*checkpoints: Path) -> LatentClassifierNet:
    """Read training checkpoints into a network in evaluation mode, on the CPU; raise InputError.

    Of several, one begun from the other, it is the mean of the weights: that sees unseen pictures better
    than either (Wortsman et al. 2022, "Model soups").
    """
    nets = [_read_classifier(checkpoint) for checkpoint in checkpoints]
    states = [net.state_dict() for net in nets]
    mean = {
        name: torch.stack([state[name].float() for state in states]).mean(dim=0).to(value.dtype)
        for name, value in states[0].items()
    }
    nets[0].load_state_dict(mean)
    return nets[0].eval()


def _read_classifier(checkpoint: Path) -> LatentClassifierNet:
    net = LatentClassifierNet()
    try:
        state: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
        net.load_state_dict(state["classifier"])
    except (OSError, KeyError, RuntimeError) as error:
        raise InputError(f"{checkpoint} is no checkpoint of the classifier; train one first") from error
    return net
