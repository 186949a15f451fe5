"""How large a picture becomes before it is coded."""

from typing import Final

import numpy as np
from PIL import Image

from shared_models.errors import SourceError
from shared_models.frames import Pixels

SIDE_PX_MIN: Final = 16
"""The least side that the codec takes."""


def fitted_size(width: int, height: int, long_side_px: int) -> tuple[int, int]:
    """Return (width, height) scaled down, never up, so that neither is beyond `long_side_px`.

    Raises SourceError for a picture that is, or becomes, narrower than 16 pixels.
    """
    scale = min(1.0, long_side_px / max(width, height))
    fitted = round(width * scale), round(height * scale)
    if min(fitted) < SIDE_PX_MIN:
        raise SourceError(
            f"a picture of {width}×{height} pixels becomes {fitted[0]}×{fitted[1]} at a long side of "
            f"{long_side_px}; each side needs {SIDE_PX_MIN} or more"
        )
    return fitted


def fit(pixels: Pixels, long_side_px: int) -> Pixels:
    """(H, W, 3) -> the same picture with neither side beyond `long_side_px`, area-averaged."""
    height, width = pixels.shape[:2]
    size = fitted_size(width, height, long_side_px)
    if size == (width, height):
        return np.ascontiguousarray(pixels)
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.BOX), dtype=np.uint8)
