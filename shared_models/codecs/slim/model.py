"""The torch half of `slim`: what is trained, and exported to the parts a package ships."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from shared_models.codecs.slim.config import SlimConfig
from shared_models.codecs.slim.gains import GainTable
from shared_models.codecs.slim.transforms import Encoder, PreviewDecoder
from shared_models.errors import InputError
from shared_models.layers.mixture_prior import LogisticMixturePrior


@dataclass(frozen=True, slots=True)
class CodedLatents:
    """One batch through the quantiser: latents for the tasks (B, 64, h, w), bits a picture (B,)."""

    y_hat: Tensor
    bits: Tensor


class SlimModel(nn.Module):
    """Encoder of every width, gains, training-time prior, preview decoder."""

    def __init__(self, config: SlimConfig | None = None) -> None:
        """Start from random weights; the default configuration is the shipped one."""
        super().__init__()
        self.config = config or SlimConfig()
        self.encoder = Encoder(self.config)
        self.gains = GainTable(self.config.latent_channels, self.config.quality_anchors)
        self.prior = LogisticMixturePrior(self.config.latent_channels)
        self.preview = PreviewDecoder(self.config)

    def latents(self, x: Tensor, width_index: int) -> Tensor:
        """(B, 3, 16h, 16w) RGB in [0, 1] -> y (B, 64, h, w), before gains and rounding."""
        y: Tensor = self.encoder(x, width_index)
        return y.float()

    def symbols(self, y: Tensor, quality: Tensor) -> Tensor:
        """Round y (B, 64, h, w) at (B,) qualities 0..100 to whole symbols, as float."""
        scaled: Tensor = y * self.gains(quality)
        return scaled.round()

    def quantise(self, y: Tensor, quality: Tensor) -> CodedLatents:
        """Quantise for training: rounding for the tasks (straight through), noise for the rate."""
        gain = self.gains(quality)
        scaled = y * gain
        rounded = scaled + (scaled.round() - scaled).detach()
        noisy = scaled + torch.rand_like(scaled) - 0.5
        return CodedLatents(rounded / gain, self.prior.bits(noisy, gain).sum(dim=(1, 2, 3)))

    def measure(self, y: Tensor, quality: Tensor) -> CodedLatents:
        """Quantise as a codec does: whole symbols, bits as the training-time prior estimates them."""
        gain = self.gains(quality)
        symbols = self.symbols(y, quality)
        return CodedLatents(symbols / gain, self.prior.bits(symbols, gain).sum(dim=(1, 2, 3)))


def load_slim_base(checkpoint: Path) -> SlimModel:
    """Read a training checkpoint into a model in evaluation mode, on the CPU; raise InputError."""
    try:
        state: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
        model = SlimModel()
        model.load_state_dict(state["model"])
    except (OSError, KeyError, RuntimeError) as error:
        raise InputError(f"{checkpoint} is not a checkpoint of the slim base; train one first") from error
    return model.eval()
