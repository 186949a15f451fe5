"""The first half of the built-in detector: latents at stride 16 to features at stride 8.

It begins as the bridge that the base was trained with. Most inner channels of that bridge's blocks never
become positive, so only the strongest are kept, and fresh blocks that cannot die follow them.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared_models.bridges.feature_bridge import FeatureBridge
from shared_models.layers.residual import Bottleneck, ResidualBlock


@dataclass(frozen=True, slots=True)
class DetectorBridgeConfig:
    """Channels in, at stride 16, inside each kept block, and out; fresh blocks."""

    latent_channels: int = 64
    hidden_channels: int = 160
    inner_channels: tuple[int, ...] = (8, 8, 64)  # of 160 each in the bridge of slim-1: 2, 0 and 54 are alive
    feature_channels: int = 64
    fresh_blocks: int = 5


class DetectorBridge(nn.Module):
    """Blocks at stride 16, then a pixel shuffle to stride 8 and a last convolution."""

    def __init__(self, config: DetectorBridgeConfig) -> None:
        """Take the sizes from `config`."""
        super().__init__()
        N, C = config.hidden_channels, config.feature_channels
        self.enter = nn.Conv2d(config.latent_channels, N, 3, padding=1)
        self.kept = nn.Sequential(*[ResidualBlock(N, inner) for inner in config.inner_channels])
        self.fresh = nn.Sequential(*[Bottleneck(N) for _ in range(config.fresh_blocks)])
        self.to_8 = nn.Conv2d(N, 4 * C, 1)
        self.leave = nn.Conv2d(C, C, 3, padding=1)

    def forward(self, y_hat: Tensor) -> Tensor:
        """(B, 64, h, w) latents -> (B, C, 2h, 2w) features."""
        t = self.fresh(self.kept(F.relu(self.enter(y_hat))))
        t = F.relu(F.pixel_shuffle(self.to_8(t), 2))
        features: Tensor = self.leave(t)
        return features

    @torch.no_grad()
    def start_from(self, bridge: FeatureBridge, y_hat: Tensor) -> None:
        """Take over `bridge`, of its inner channels those that say most on latents `y_hat`."""
        for mine, theirs in (
            (self.enter, bridge.enter),
            (self.to_8, bridge.to_8),
            (self.leave, bridge.leave),
        ):
            mine.load_state_dict(theirs.state_dict())
        t = F.relu(bridge.enter(y_hat))
        for kept, block in zip(self.kept, bridge.at_16, strict=True):
            assert isinstance(kept, ResidualBlock)
            assert isinstance(block, ResidualBlock)
            keep_strongest(kept, block, t)
            t = block(t)


@torch.no_grad()
def keep_strongest(narrow: ResidualBlock, block: ResidualBlock, t: Tensor) -> None:
    """Give `narrow` the inner channels of `block` that add most to its output on activations `t`."""
    inner = F.relu(block.first(t))
    strength = inner.square().mean(dim=(0, 2, 3)) * block.second.weight.square().sum(dim=(0, 2, 3))
    chosen = strength.topk(narrow.first.out_channels).indices
    assert narrow.first.bias is not None
    assert block.first.bias is not None
    narrow.first.weight.copy_(block.first.weight[chosen])
    narrow.first.bias.copy_(block.first.bias[chosen])
    narrow.second.weight.copy_(block.second.weight[:, chosen])
    if narrow.second.bias is not None and block.second.bias is not None:
        narrow.second.bias.copy_(block.second.bias)
