"""Continuous quality at run time: from latents to symbols and back through one gain a channel."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared_models.bitstream.packet import QUALITY_STEPS
from shared_models.codecs.codec import Latents, Symbols
from shared_models.codecs.slim.config import QUALITY_MAX
from shared_models.errors import PackageError

SYMBOL_MAX: Final = 2**15 - 1
LOG_GAIN_MAX: Final = 30.0  # e^30 > 10^13: no latent needs more, and no product overflows float32


@dataclass(frozen=True, slots=True)
class Quantiser:
    """Symbols are latents × gain, rounded; the gain's logarithm is linear between whole qualities."""

    log_gain: NDArray[np.generic]
    """(101, C) float32: logarithmic gain of each channel at each whole quality."""
    dead_zone: NDArray[np.generic]
    """(C,) float32: by how much of a step each channel rounds towards zero. Only the encoder needs it."""

    def __post_init__(self) -> None:
        table = self.log_gain
        if table.ndim != 2 or len(table) != QUALITY_MAX + 1 or table.dtype != np.float32:
            raise PackageError(
                f"a gain table is (101, C) float32 and this one is {table.shape} {table.dtype}"
            )
        if self.dead_zone.shape != table.shape[1:] or self.dead_zone.dtype != np.float32:
            raise PackageError(f"a dead zone is (C,) float32 and this one is {self.dead_zone.shape}")
        if not np.all(np.abs(table.astype(np.float64)) <= LOG_GAIN_MAX):  # also refuses NaN
            raise PackageError(f"a logarithmic gain of this package is not within ±{LOG_GAIN_MAX:g}")

    @property
    def channels(self) -> int:
        """How many channels C the latents have."""
        return int(self.log_gain.shape[1])

    def gain(self, quality_code: int) -> NDArray[np.float32]:
        """Return the gain of each channel, (C, 1, 1), at a quality code 0 to 3200."""
        index, fraction = divmod(quality_code, QUALITY_STEPS)
        low = self.log_gain[index].astype(np.float64)
        high = self.log_gain[min(index + 1, QUALITY_MAX)].astype(np.float64)
        gain = np.exp(low + (high - low) * (fraction / QUALITY_STEPS))
        column: NDArray[np.float32] = gain.astype(np.float32)[:, np.newaxis, np.newaxis]
        return column

    def symbols(self, latents: NDArray[np.float32], quality_code: int) -> Symbols:
        """(1, C, h, w) latents -> (C, h, w) symbols, at the range's end where a latent is beyond it."""
        scaled = latents[0] * self.gain(quality_code)
        shift = np.float32(0.5) - self.dead_zone[:, np.newaxis, np.newaxis].astype(np.float32)
        magnitude = np.clip(np.floor(np.abs(scaled) + shift), 0, SYMBOL_MAX)
        symbols: Symbols = np.copysign(magnitude, scaled).astype(np.int16)
        return symbols

    def latents(self, symbols: Symbols, quality_code: int) -> Latents:
        """(C, h, w) symbols -> (1, C, h, w) latents in the one latent space."""
        return (symbols.astype(np.float32) / self.gain(quality_code))[np.newaxis]
