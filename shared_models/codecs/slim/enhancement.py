"""The enhancement layer of `slim`: a picture in full, coded given the base.

    pixels ── block DCT ── e ── gains, dead zone ── symbols ── e_hat

    e_hat ── inverse DCT ───────────────────────────────┬── + ── picture
    symbols, step, y_hat ── what rounding may have taken ── residual net

The edge answers a pull with a transform that costs less than reading the JPEG; what is learnt sits in the
entropy model and in the decoder. The residual net ends in zeros, so training starts from plain DCT coding
and can only mend it: reconstruction points, prediction from the base, no block edges.
"""

import math
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared_models.codecs.slim.config import QUALITY_MAX
from shared_models.codecs.slim.enhancement_config import ENHANCEMENT_CHANNELS, EnhancementConfig
from shared_models.errors import InputError
from shared_models.layers.block_dct import PLANES, BlockDct, InverseBlockDct
from shared_models.layers.residual import ResidualBlock

GREY_LEVELS = 255.0
FEATURES = 16  # channels at stride 2 that tell the net on pixels about symbols, step and base


class FullDecoder(nn.Module):
    """Base latents and enhancement coefficients to the picture."""

    def __init__(self, config: EnhancementConfig) -> None:
        """Start as the inverse block DCT."""
        super().__init__()
        C, N, M = ENHANCEMENT_CHANNELS, config.context_hidden, config.refine_hidden
        self.transform = InverseBlockDct()
        self.base = nn.Conv2d(config.latent_channels, 4 * config.latent_channels, 1)
        self.context = nn.Conv2d(C + config.latent_channels + 1, N, 3, padding=1)
        self.features = nn.Conv2d(N, 16 * FEATURES, 1)
        self.enter = nn.Conv2d(12 + FEATURES, M, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(M) for _ in range(config.refine_blocks)))
        self.leave = zero_conv(M, 12)

    def forward(self, y_hat: Tensor, e_hat: Tensor, gain: Tensor) -> Tensor:
        """(B, 64, h, w), (B, 192, 2h, 2w), (B, 192) -> (B, 3, 16h, 16w) RGB, about [0, 1] (not clipped).

        The net sees companded symbols and speaks in steps: no correction is larger than what rounding took.
        """
        gain = gain.unsqueeze(2).unsqueeze(3)  # (B, 192, 1, 1)
        log_step = -gain.log().mean(dim=1, keepdim=True)  # (B, 1, 1, 1)
        level = log_step + torch.zeros_like(e_hat[:, :1])  # (B, 1, 2h, 2w)
        base = F.pixel_shuffle(self.base(y_hat), 2)  # (B, 64, 2h, 2w)
        t = F.relu(self.context(torch.cat([companded(e_hat * gain), base, level], dim=1)))
        features = F.pixel_shuffle(self.features(t), 4)  # (B, 16, 8h, 8w)
        x_hat: Tensor = self.transform(e_hat)  # (B, 3, 16h, 16w)
        t = F.relu(self.enter(torch.cat([F.pixel_unshuffle(x_hat, 2), features], dim=1)))
        residual = self.leave(self.blocks(t)) * log_step.exp()  # (B, 12, 8h, 8w)
        return x_hat + F.pixel_shuffle(residual, 2)


class SlimEnhancement(nn.Module):
    """Transform, gains, dead zone and full decoder; only the decoder learns."""

    log_gain: Tensor
    dead_zone: Tensor

    def __init__(self, config: EnhancementConfig | None = None) -> None:
        """Start as DCT coding with flat steps; the default configuration is the shipped one."""
        super().__init__()
        self.config = config or EnhancementConfig()
        self.analysis = BlockDct()
        self.decoder = FullDecoder(self.config)
        self.register_buffer("log_gain", log_gain_table(self.config))
        dead_zone = torch.full((ENHANCEMENT_CHANNELS,), self.config.dead_zone)
        dead_zone[:PLANES] = 0.0  # the mean of a block is worth its bits, and is seldom zero anyway
        self.register_buffer("dead_zone", dead_zone)

    def gains(self, quality: Tensor) -> Tensor:
        """(B,) qualities in 0..100 -> (B, 192, 1, 1) gains, lines between whole qualities in the log."""
        below = quality.floor().clamp(0, QUALITY_MAX - 1).long()
        rows = torch.lerp(self.log_gain[below], self.log_gain[below + 1], (quality - below).unsqueeze(1))
        return rows.exp().unsqueeze(2).unsqueeze(3)

    def symbols(self, e: Tensor, gain: Tensor) -> Tensor:
        """Round e (B, 192, 2h, 2w) at gains (B, 192, 1, 1) to whole symbols, as float."""
        scaled = e * gain
        magnitude = (scaled.abs() + 0.5 - self.dead_zone.view(1, -1, 1, 1)).floor().clamp(min=0)
        return scaled.sign() * magnitude

    def reconstruct(self, y_hat: Tensor, symbols: Tensor, gain: Tensor) -> Tensor:
        """(B, 64, h, w), (B, 192, 2h, 2w), (B, 192, 1, 1) -> (B, 3, 16h, 16w) RGB, not clipped."""
        x_hat: Tensor = self.decoder(y_hat, symbols / gain, gain.flatten(1))
        return x_hat


def companded(symbols: Tensor) -> Tensor:
    """asinh, in operators that ONNX exporters know: brings symbols of any size into a net's range."""
    magnitude = symbols.abs()
    return symbols.sign() * (magnitude + (magnitude.square() + 1).sqrt()).log()


def log_gain_table(config: EnhancementConfig) -> Tensor:
    """Return log gains (101, 192) at the whole qualities, float32: flat over frequencies and planes.

    Flat is right for squared error: the transform is orthonormal, and an error in Cb or Cr weighs about
    as much in RGB as one in Y (columns of the inverse have squared norms 3.0, 3.3 and 2.5). On Kodak flat
    steps give 0.3 dB more at equal bytes than chroma steps 1.6 times as large.
    """
    share = torch.linspace(0, 1, QUALITY_MAX + 1)
    coarsest, finest = math.log(config.step_coarsest), math.log(config.step_finest)
    log_step = coarsest + (finest - coarsest) * share - math.log(GREY_LEVELS)
    return -log_step.unsqueeze(1).expand(-1, ENHANCEMENT_CHANNELS).contiguous()


def zero_conv(inputs: int, outputs: int) -> nn.Conv2d:
    """Make a 3x3 convolution that adds nothing yet."""
    conv = nn.Conv2d(inputs, outputs, 3, padding=1)
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(conv.bias if conv.bias is not None else conv.weight)
    return conv


def load_enhancement(checkpoint: Path) -> SlimEnhancement:
    """Read a training checkpoint into a model in evaluation mode, on the CPU; raise InputError."""
    model = SlimEnhancement()
    try:
        state: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
        model.load_state_dict(state["enhancement"])
    except (OSError, KeyError, RuntimeError) as error:
        raise InputError(
            f"{checkpoint} is no checkpoint of the enhancement layer; train one first"
        ) from error
    return model.eval()
