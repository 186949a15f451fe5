"""Symbols to fit entropy models to: latents of frozen encoders, quantised at any quality."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from shared_models.codecs.slim.config import QUALITY_MAX
from shared_models.codecs.slim.enhancement import SlimEnhancement
from shared_models.codecs.slim.model import SlimModel
from shared_models.entropy.context import QUALITY_ROWS
from shared_models.entropy.context_training import ContextBatch
from shared_models.training.datasets import CropSampler

SCALE_MIN: Final = 1e-3  # of a channel that is never anything but zero
_CROPS_AT_ONCE: Final = 8
_QUALITY_AROUND: Final = (50.0, 15.0)  # half of the qualities lie about the default


@dataclass(frozen=True, slots=True)
class LayerSymbols:
    """Whole symbols as float (B, C, H, W), at qualities (B,)."""

    symbols: Tensor
    quality: Tensor


class SymbolPool:
    """Latents of `crops` pictures at random widths; with an enhancement layer, its coefficients too."""

    def __init__(
        self,
        base: SlimModel,
        enhancement: SlimEnhancement | None,
        pictures: CropSampler,
        crops: int,
        noisy_share: float = 0.0,
    ) -> None:
        """Encode the next `crops` of `pictures`, a share of them noisy, on the device of the models."""
        self.base, self.enhancement = base, enhancement
        self.device = next(base.parameters()).device
        latents: list[Tensor] = []
        coefficients: list[Tensor] = []
        with torch.no_grad():
            for begin in range(0, crops, _CROPS_AT_ONCE):
                x = pictures.batch(min(_CROPS_AT_ONCE, crops - begin))
                x = with_noise(x, noisy_share).to(self.device, memory_format=torch.channels_last)
                width = int(torch.randint(base.config.widths, ()))
                latents.append(base.latents(x, width).half())
                if enhancement is not None:
                    coefficients.append(enhancement.analysis(x).half())
        self.latents = torch.cat(latents)  # (N, 64, h, w)
        self.coefficients = torch.cat(coefficients) if coefficients else None  # (N, 192, 2h, 2w)

    def __len__(self) -> int:
        return len(self.latents)

    @property
    def channels(self) -> int:
        """Channels of the symbols that are coded."""
        return int((self.latents if self.coefficients is None else self.coefficients).shape[1])

    def batch(self, size: int) -> ContextBatch:
        """Draw `size` crops at random qualities: a batch of the layer that is coded, given the other."""
        picked = torch.randint(len(self), (size,))
        base = self.base_symbols(picked, random_quality(size))
        if self.coefficients is None:
            return ContextBatch(cells_of(base.symbols), rows_of(base.quality))
        coded = self.coded_symbols(picked, random_quality(size))
        return ContextBatch(
            cells_of(coded.symbols), rows_of(coded.quality), base.symbols, rows_of(base.quality)
        )

    @torch.no_grad()
    def base_symbols(self, picked: Tensor, quality: Tensor) -> LayerSymbols:
        """Quantise the base latents of crops `picked` (B,) at `quality` (B,)."""
        picked, quality = picked.to(self.device), quality.to(self.device)
        return LayerSymbols(self.base.symbols(self.latents[picked].float(), quality), quality)

    @torch.no_grad()
    def coded_symbols(self, picked: Tensor, quality: Tensor) -> LayerSymbols:
        """Quantise the layer that is coded: the enhancement, where there is one, or else the base."""
        if self.coefficients is None or self.enhancement is None:
            return self.base_symbols(picked, quality)
        picked, quality = picked.to(self.device), quality.to(self.device)
        gain = self.enhancement.gains(quality)
        return LayerSymbols(self.enhancement.symbols(self.coefficients[picked].float(), gain), quality)

    @torch.no_grad()
    def base_scales(self) -> NDArray[np.float64]:
        """Give the deviations (101, 64) of base latents times gain, at every whole quality."""
        return _scales(self.latents, self.base.gains(self._whole_qualities()))

    @torch.no_grad()
    def coded_scales(self) -> NDArray[np.float64]:
        """Give the deviations (101, C) of the layer that is coded, before rounding."""
        if self.coefficients is None or self.enhancement is None:
            return self.base_scales()
        return _scales(self.coefficients, self.enhancement.gains(self._whole_qualities()))

    def _whole_qualities(self) -> Tensor:
        return torch.arange(QUALITY_ROWS, dtype=torch.float32, device=self.device)


def with_noise(x: Tensor, share: float) -> Tensor:
    """Blend about `share` of the pictures (B, 3, H, W) with white noise, each to another degree."""
    degree = torch.rand(len(x)) * (torch.rand(len(x)) < share)
    return torch.lerp(x, torch.rand_like(x), degree[:, None, None, None])


def random_quality(size: int) -> Tensor:
    """Draw (size,) qualities 0..100: half of them anywhere, half about the default."""
    middle, spread = _QUALITY_AROUND
    near = (middle + spread * torch.randn(size)).clamp(0, QUALITY_MAX)
    return torch.where(torch.rand(size) < 0.5, QUALITY_MAX * torch.rand(size), near)


def rows_of(quality: Tensor) -> Tensor:
    """(B,) qualities -> the nearest whole ones."""
    return quality.round().long().clamp(0, QUALITY_ROWS - 1)


def cells_of(symbols: Tensor) -> Tensor:
    """(B, C, 2gh, 2gw) -> (B, 4C, gh, gw): members as `GroupMap` numbers them."""
    return F.pixel_unshuffle(symbols, 2)


@torch.no_grad()
def _scales(latents: Tensor, gains: Tensor) -> NDArray[np.float64]:
    deviation = latents.float().pow(2).mean(dim=(0, 2, 3)).sqrt().double()  # (C,)
    scales: NDArray[np.float64] = (gains.flatten(1).double() * deviation).clamp(min=SCALE_MIN).cpu().numpy()
    return scales
