"""No codec at all: what every other one is measured against."""

from dataclasses import dataclass

import numpy as np

from shared_models.frames import Pixels

NAME = "pixels"


@dataclass(frozen=True, slots=True)
class Uncompressed:
    """Three bytes a pixel."""

    name: str = NAME
    settings: str = "RGB, 8 bits a sample, not compressed"
    quality_name: str = "quality"
    qualities: tuple[float, ...] = (100,)

    def encode(self, pixels: Pixels, quality: float) -> bytes:  # there is only one
        """Return the samples, row by row."""
        return pixels.tobytes()

    def decode(self, data: bytes, width: int, height: int) -> Pixels:
        """Return the samples as a picture."""
        return np.frombuffer(data, np.uint8).reshape(height, width, 3)


def uncompressed() -> Uncompressed:
    """Return the codec that does nothing."""
    return Uncompressed()
