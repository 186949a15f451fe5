"""The preview that ships: the base run's decoder, deepened once the latents are frozen."""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared_models.codecs.slim.config import SlimConfig
from shared_models.codecs.slim.transforms import PIXEL_MEAN, PIXEL_SCALE, PreviewDecoder
from shared_models.errors import InputError
from shared_models.layers.residual import ResidualBlock

BLOCKS_AT_16, BLOCKS_AT_8 = 2, 1


class DeepPreviewDecoder(nn.Module):
    """A `PreviewDecoder` with more residual blocks, about 7 kMAC a pixel; starts as the one it is given."""

    def __init__(self, config: SlimConfig, preview: PreviewDecoder) -> None:
        """Take over the layers of `preview`."""
        super().__init__()
        N = config.preview_channels
        self.enter, self.to_8, self.leave = preview.enter, preview.to_8, preview.leave
        self.at_16 = nn.Sequential(preview.at_16, *(ResidualBlock(N) for _ in range(BLOCKS_AT_16)))
        self.at_8 = nn.Sequential(*(ResidualBlock(N // 2) for _ in range(BLOCKS_AT_8)))

    def forward(self, y_hat: Tensor) -> Tensor:
        """(B, 64, h, w) -> (B, 3, 16h, 16w) RGB, about [0, 1] (not clipped)."""
        t = self.at_16(F.relu(self.enter(y_hat)))
        t = self.at_8(F.relu(F.pixel_shuffle(self.to_8(t), 2)))  # (B, N/2, 2h, 2w)
        return F.pixel_shuffle(self.leave(t), 8) / PIXEL_SCALE + PIXEL_MEAN


def load_preview(checkpoint: Path, config: SlimConfig | None = None) -> DeepPreviewDecoder:
    """Read a training checkpoint into a decoder in evaluation mode, on the CPU; raise InputError."""
    config = config or SlimConfig()
    decoder = DeepPreviewDecoder(config, PreviewDecoder(config))
    try:
        state: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
        decoder.load_state_dict(state["preview"])
    except (OSError, KeyError, RuntimeError) as error:
        raise InputError(f"{checkpoint} is no checkpoint of the preview; run slim_preview first") from error
    return decoder.eval()
