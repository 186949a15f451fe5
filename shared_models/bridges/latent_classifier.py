"""The built-in classifier: base latents to ImageNet's 1,000 classes, no picture and no other network.

A bridge makes a classifier's features at stride 16, as the base learnt it; a tail of our own, trained from
scratch on what a frozen classifier makes of the same features, turns them into classes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared_models.bridges.bridge_network import BridgeBlock, BridgeNetwork, FeatureMap, framed_whole
from shared_models.errors import InputError

CLASSES: Final = 1000
FEATURES: Final = FeatureMap(stride=16, channels=96)  # a MobileNetV2's after its thirteenth block
LAST_CHANNELS, POOLED_CHANNELS = 320, 1280  # a MobileNetV2's, so that its maps can be imitated
CENTRE_SHARE: Final = (7, 8)  # of the short side is looked at: 224 of 256, as ImageNet's classifiers do
START_SHARE: Final = 0.3  # 0.2 to 0.5 did about as well, all better than none, on 100 labelled pictures
_SLOPE: Final = 0.1


@dataclass(frozen=True, slots=True)
class TailConfig:
    """Channels of the map at stride 32 and inside its blocks; blocks of its first and its last half."""

    channels: int = 256
    inner_channels: int = 96
    blocks: tuple[int, int] = (2, 2)


@dataclass(frozen=True, slots=True)
class TailMaps:
    """What a tail makes of features on its way: (B, C, h, w) half way, (B, 320, h, w), (B, 1280, h, w)."""

    middle: Tensor
    last: Tensor
    wide: Tensor


class ClassifierTail(nn.Module):
    """Features at stride 16 to logits by way of maps at stride 32."""

    mean: Tensor
    deviation: Tensor
    last_mean: Tensor
    last_deviation: Tensor

    def __init__(self, shared_channels: int, config: TailConfig) -> None:
        """Take the channels of what the bridge's head reads, and the sizes of the tail."""
        super().__init__()
        C, inner = config.channels, config.inner_channels
        for of, channels in (("", FEATURES.channels), ("last_", LAST_CHANNELS)):
            self.register_buffer(f"{of}mean", torch.zeros(1, channels, 1, 1))
            self.register_buffer(f"{of}deviation", torch.ones(1, channels, 1, 1))
        self.enter, self.beside = _halving(FEATURES.channels, C), _halving(shared_channels, C)
        self.first, self.second = (
            nn.Sequential(*(BridgeBlock(C, inner) for _ in range(count))) for count in config.blocks
        )
        self.leave = nn.Conv2d(C, LAST_CHANNELS, 1)
        self.widen = nn.Conv2d(LAST_CHANNELS, POOLED_CHANNELS, 1)
        self.classes = nn.Linear(POOLED_CHANNELS, CLASSES)
        nn.init.kaiming_normal_(self.enter.weight, nonlinearity="relu")
        nn.init.zeros_(self.beside.weight)  # the features alone at first, then what they leave out

    def aside(self, shared: Tensor) -> Tensor:
        """What the bridge's head read (B, N, h, w) -> what it may have left out (B, C, h/2, w/2)."""
        left_out: Tensor = self.beside(_ahead(shared))
        return left_out

    def maps(self, features: Tensor, aside: Tensor | None = None) -> TailMaps:
        """(B, 96, h, w) -> maps of half the sides, rounded up; `aside` (B, C, h/2, w/2) is added early."""
        t = self.enter(_ahead((features - self.mean) / self.deviation))
        middle = self.first(F.leaky_relu(t if aside is None else t + aside, _SLOPE))
        last = self.leave(self.second(middle)) * self.last_deviation + self.last_mean
        return TailMaps(middle, last, self.widen(last).clamp(0, 6))

    @torch.no_grad()
    def calibrate(self, features: Tensor, last: Tensor) -> None:
        """Measure the channels of a teacher's features (B, 96, h, w) and last maps (B, 320, h, w)."""
        for values, mean, deviation in (
            (features, self.mean, self.deviation),
            (last, self.last_mean, self.last_deviation),
        ):
            mean.copy_(values.mean(dim=(0, 2, 3), keepdim=True))
            deviation.copy_(values.std(dim=(0, 2, 3), keepdim=True).clamp_min(1e-3))

    def logits(self, pooled: Tensor) -> Tensor:
        """Means over a wide map (B, 1280) -> (B, 1000)."""
        logits: Tensor = self.classes(pooled)
        return logits


class LatentClassifierNetwork(nn.Module):
    """Latents to logits: what `classify.onnx` holds."""

    def __init__(self, bridge: BridgeNetwork | None = None, tail: ClassifierTail | None = None) -> None:
        """Put `tail` behind `bridge`; random weights where one is not given."""
        super().__init__()
        self.bridge = bridge or BridgeNetwork([FEATURES])
        self.tail = tail or ClassifierTail(self.bridge.trunk.config.hidden_channels, TailConfig())

    def features(self, y_hat: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 64, h, w) latents that are all picture -> features (B, 96, h, w), and what is aside."""
        shared = self.bridge.trunk(framed_whole(y_hat))
        return self.bridge.head(0)(shared), self.tail.aside(shared)

    def forward(self, y_hat: Tensor) -> Tensor:
        """(B, 64, h, w) of any size -> logits (B, 1000) of its centre."""
        maps = self.tail.maps(*self.features(centre_square(y_hat)))
        return self.tail.logits(maps.wide.mean(dim=(2, 3)))


def _halving(channels_in: int, channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels, 3, stride=2)


def _ahead(x: Tensor) -> Tensor:
    """Pad at the end alone, where a MobileNetV2 pads: cells of its halved maps lie between those of two."""
    return F.pad(x, (0, 2, 0, 2))


def centre_square(y_hat: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, C, side, side): a square of 7/8 of the short side, from the middle."""
    # Tensors instead of numbers, so that tracing for export keeps the sides dynamic.
    h, w = (torch.as_tensor(side) for side in y_hat.shape[2:])
    part, whole = CENTRE_SHARE
    side = (torch.minimum(h, w) * part + whole // 2) // whole
    top, left = (h - side) // 2, (w - side) // 2
    return y_hat[:, :, top : top + side, left : left + side]


def bridge_of_base(checkpoint: Path, head: int = 1) -> BridgeNetwork:
    """Read trunk and classifier's head out of a base's checkpoint; raise InputError where it has none."""
    bridge, prefix = BridgeNetwork([FEATURES]), f"heads.{head}."
    try:
        state: dict[str, Tensor] = torch.load(checkpoint, map_location="cpu", weights_only=True)["bridge"]
        trunk = {name: value for name, value in state.items() if name.startswith("trunk.")}
        of_head = {n.replace(prefix, "heads.0."): v for n, v in state.items() if n.startswith(prefix)}
        bridge.load_state_dict(trunk | of_head)
    except (OSError, KeyError, RuntimeError) as error:
        raise InputError(f"{checkpoint} holds no bridge to a classifier; train one with slim_base") from error
    return bridge


def load_classifier(checkpoint: Path, start: Path | None = None) -> LatentClassifierNetwork:
    """Read a training checkpoint into a network in evaluation mode, on the CPU; raise InputError.

    With the checkpoint that its tail began as, three tenths of that tail's weights are mixed in: classes that
    few training pictures show are known better then (Wortsman et al. 2022, arXiv 2109.01903).
    """
    network = LatentClassifierNetwork()
    try:
        state: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
        network.bridge.load_state_dict(state["bridge"])
        network.tail.load_state_dict(state["tail"])
        if start is not None:
            earlier = torch.load(start, map_location="cpu", weights_only=True)["tail"]
            for name, value in network.tail.state_dict().items():
                value.lerp_(earlier[name], START_SHARE)
    except (OSError, KeyError, RuntimeError) as error:
        given = checkpoint if start is None else f"{checkpoint} or {start}"
        raise InputError(f"{given} is no checkpoint of the classifier; train one first") from error
    return network.eval()
