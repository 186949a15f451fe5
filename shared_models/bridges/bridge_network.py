"""The bridge: one trunk on latents at stride 16, and a head for each feature map that a model is cut at.

The trunk is shared by what it learns, too: one that was fitted to other models is shipped, so that a model
never seen starts from features of pictures, not from noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared_models.errors import ModelError
from shared_models.tasks.feature_placement import FRAME_PLANES, LATENT_STRIDE

STRIDES = (4, 8, 16, 32)
_SLOPE = 0.1
_INNER_CHANNELS_MAX = 64  # after a pixel shuffle: 3x3 convolutions at stride 8 cost more than all the rest


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """A feature map that a bridge makes: its stride in pixels of the model's canvas, and its channels."""

    stride: int
    channels: int


@dataclass(frozen=True, slots=True)
class TrunkConfig:
    """Channels of the latents, of the trunk and inside its blocks; residual blocks."""

    latent_channels: int = 64
    hidden_channels: int = 160
    inner_channels: int = 64
    blocks: int = 3


class BridgeBlock(nn.Module):
    """x + 3x3(leaky(3x3(x))), narrow inside; starts as the identity.

    With ReLU, whole blocks died in training: of 160 channels inside, 1 to 61 were ever above zero.
    """

    def __init__(self, channels: int, inner_channels: int) -> None:
        """Take the channels C of input and output, and those between the convolutions."""
        super().__init__()
        self.first = nn.Conv2d(channels, inner_channels, 3, padding=1)
        self.second = nn.Conv2d(inner_channels, channels, 3, padding=1)
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="relu")
        nn.init.zeros_(self.second.weight)
        assert self.second.bias is not None
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        out: Tensor = x + self.second(F.leaky_relu(self.first(x), _SLOPE))
        return out


class BridgeTrunk(nn.Module):
    """Framed latents to shared features at stride 16."""

    def __init__(self, config: TrunkConfig) -> None:
        """Take the sizes from `config`."""
        super().__init__()
        self.config = config
        N = config.hidden_channels
        self.enter = nn.Conv2d(config.latent_channels + FRAME_PLANES, N, 3, padding=1)
        self.blocks = nn.Sequential(*[BridgeBlock(N, config.inner_channels) for _ in range(config.blocks)])

    def forward(self, framed: Tensor) -> Tensor:
        """(B, C + 2, h, w) framed latents (see FeaturePlacement.frame) -> (B, N, h, w)."""
        features: Tensor = self.blocks(F.leaky_relu(self.enter(framed), _SLOPE))
        return features


class BridgeHead(nn.Module):
    """Shared features to one feature map; its values are scaled and moved as the model's own are."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, hidden_channels: int, target: FeatureMap) -> None:
        """Raise ModelError for a stride that no head makes."""
        super().__init__()
        if target.stride not in STRIDES:
            raise ModelError(
                f"a bridge makes features at strides {', '.join(map(str, STRIDES))}, not {target.stride}; "
                "choose another cut"
            )
        self.target = target
        N, C = hidden_channels, target.channels
        self.enlarge = max(1, LATENT_STRIDE // target.stride)  # coarser maps are made at 16 and placed
        inner = min(N if self.enlarge == 1 else _INNER_CHANNELS_MAX, C)
        self.spread = nn.Conv2d(N, inner * self.enlarge**2, 1)
        self.leave = nn.Conv2d(inner, C, 3, padding=1)
        nn.init.zeros_(self.leave.weight)  # the first guess is the mean of each channel
        self.register_buffer("mean", torch.zeros(1, C, 1, 1))
        self.register_buffer("deviation", torch.ones(1, C, 1, 1))

    def forward(self, shared: Tensor) -> Tensor:
        """(B, N, h, w) -> (B, C, h', w'), at the target's stride or at 16 where that is finer."""
        features: Tensor = self.leave(self.inside(shared)) * self.deviation + self.mean
        return features

    def inside(self, shared: Tensor) -> Tensor:
        """(B, N, h, w) -> (B, inner, h', w'): what the last layer, which is linear, sees."""
        return F.leaky_relu(F.pixel_shuffle(self.spread(shared), self.enlarge), _SLOPE)


class BridgeNetwork(nn.Module):
    """A trunk and its heads: what `bridge.onnx` holds."""

    def __init__(self, targets: Sequence[FeatureMap], trunk: BridgeTrunk | None = None) -> None:
        """Put new heads on `trunk`, else on random weights; raise ModelError for an impossible target."""
        super().__init__()
        self.trunk = trunk or BridgeTrunk(TrunkConfig())
        N = self.trunk.config.hidden_channels
        self.heads = nn.ModuleList(BridgeHead(N, target) for target in targets)

    def forward(self, framed: Tensor) -> tuple[Tensor, ...]:
        """(B, C + 2, h, w) framed latents -> one feature map a head."""
        shared = self.trunk(framed)
        return tuple(head(shared) for head in self.heads)

    def head(self, index: int) -> BridgeHead:
        """Return the head of one target."""
        head = self.heads[index]
        assert isinstance(head, BridgeHead)
        return head


def framed_whole(y_hat: Tensor) -> Tensor:
    """Frame latents (B, C, h, w) that are all picture and all canvas: (B, C + 2, h, w)."""
    return torch.cat([y_hat, torch.ones_like(y_hat[:, :FRAME_PLANES])], dim=1)
