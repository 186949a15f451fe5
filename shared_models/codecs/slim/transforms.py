"""The transforms of `slim`: picture to latents at any width, latents to a preview picture."""

import torch.nn.functional as F
from torch import Tensor, nn

from shared_models.codecs.slim.config import SlimConfig
from shared_models.layers.residual import ResidualBlock, SlimmableBottleneck
from shared_models.layers.slimmable_conv import SlimmableConv2d

PIXEL_MEAN, PIXEL_SCALE = 0.45, 4.0  # brings pixels in [0, 1] to about zero mean and unit variance


class Encoder(nn.Module):
    """g_a: pixels to latents at stride 16, the same latent space at every width."""

    def __init__(self, config: SlimConfig) -> None:
        """Take the channels of every width from `config`."""
        super().__init__()
        c4, c8, c16 = zip(*config.encoder_channels, strict=True)
        self.enter = SlimmableConv2d([(48, c) for c in c4], 1)
        self.to_8 = SlimmableConv2d(list(zip(c4, c8, strict=True)), 3, stride=2)
        self.at_8 = SlimmableBottleneck(c8)
        self.to_16 = SlimmableConv2d(list(zip(c8, c16, strict=True)), 3, stride=2)
        self.at_16 = nn.ModuleList(SlimmableBottleneck(c16) for _ in range(2))
        self.leave = SlimmableConv2d([(c, config.latent_channels) for c in c16], 1)

    def forward(self, x: Tensor, width_index: int) -> Tensor:
        """(B, 3, 16h, 16w) RGB in [0, 1] -> y (B, 64, h, w)."""
        t = F.pixel_unshuffle((x - PIXEL_MEAN) * PIXEL_SCALE, 4)  # (B, 48, 4h, 4w)
        t = F.relu(self.enter(t, width_index))
        t = self.at_8(F.relu(self.to_8(t, width_index)), width_index)
        t = F.relu(self.to_16(t, width_index))
        for block in self.at_16:
            t = block(t, width_index)
        y: Tensor = self.leave(t, width_index)
        return y


class PreviewDecoder(nn.Module):
    """Latents to a small-effort picture: what a person sees before anything is pulled."""

    def __init__(self, config: SlimConfig) -> None:
        """Take the latent and hidden channels from `config`."""
        super().__init__()
        N = config.preview_channels
        self.enter = nn.Conv2d(config.latent_channels, N, 3, padding=1)
        self.at_16 = ResidualBlock(N)
        self.to_8 = nn.Conv2d(N, 2 * N, 1)
        self.leave = nn.Conv2d(N // 2, 3 * 64, 3, padding=1)

    def forward(self, y_hat: Tensor) -> Tensor:
        """(B, 64, h, w) -> (B, 3, 16h, 16w) RGB, about [0, 1] (not clipped)."""
        t = self.at_16(F.relu(self.enter(y_hat)))
        t = F.relu(F.pixel_shuffle(self.to_8(t), 2))  # (B, N/2, 2h, 2w)
        return F.pixel_shuffle(self.leave(t), 8) / PIXEL_SCALE + PIXEL_MEAN
