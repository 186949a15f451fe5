"""The bridge network: latents at stride 16 to a feature map of a frozen model at stride 8."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from shared_models.layers.residual import ResidualBlock


@dataclass(frozen=True, slots=True)
class BridgeConfig:
    """Channels in, inside and out, and the residual blocks at stride 16."""

    latent_channels: int = 64
    hidden_channels: int = 160
    feature_channels: int = 64
    blocks: int = 3


class FeatureBridge(nn.Module):
    """Residual blocks at stride 16, then a pixel shuffle to stride 8 and a last convolution."""

    def __init__(self, config: BridgeConfig) -> None:
        """Take the sizes from `config`."""
        super().__init__()
        N = config.hidden_channels
        self.enter = nn.Conv2d(config.latent_channels, N, 3, padding=1)
        self.at_16 = nn.Sequential(*[ResidualBlock(N) for _ in range(config.blocks)])
        self.to_8 = nn.Conv2d(N, 4 * config.feature_channels, 1)
        self.leave = nn.Conv2d(config.feature_channels, config.feature_channels, 3, padding=1)

    def forward(self, y_hat: Tensor) -> Tensor:
        """(B, 64, h, w) latents -> (B, C, 2h, 2w) features."""
        t = self.at_16(F.relu(self.enter(y_hat)))
        t = F.relu(F.pixel_shuffle(self.to_8(t), 2))
        features: Tensor = self.leave(t)
        return features
