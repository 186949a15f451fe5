"""Pictures on disk: which files they are, reading them, making them smaller."""

from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from shared_models.errors import InputError
from shared_models.frames import Pixels

PICTURE_SUFFIXES: Final = frozenset(
    {".avif", ".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)


def read_picture(path: Path, side_px_min: int, side_px_max: int) -> Pixels:
    """Read a picture as RGB the way people see it: turned as its EXIF data says; raise InputError.

    Its size is checked before its pixels are unpacked.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            if not (side_px_min <= min(width, height) and max(width, height) <= side_px_max):
                raise InputError(
                    f"{path} is {width}×{height} pixels and each side must have "
                    f"{side_px_min} to {side_px_max}; resize it first"
                )
            return _as_rgb(ImageOps.exif_transpose(image))
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise InputError(f"{path} is not a picture that can be read") from None
    except (OSError, SyntaxError, ValueError) as error:  # Pillow's ways to say that a file is damaged
        raise InputError(f"{path} cannot be read: {error}") from None


def _as_rgb(image: Image.Image) -> Pixels:
    """Return RGB pixels; 16-bit grey loses its low byte (Pillow would clip), transparency is dropped."""
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image, np.uint16) >> 8).astype(np.uint8))
    return np.array(image.convert("RGB"))


def shrink(pixels: Pixels, long_side_px: int, side_px_min: int) -> Pixels:
    """Make a picture smaller so that no side is beyond `long_side_px`; smaller ones stay as they are.

    A picture so narrow that a side would fall below `side_px_min` keeps that many there.
    """
    height, width = pixels.shape[:2]
    if max(height, width) <= long_side_px:
        return pixels
    scale = long_side_px / max(height, width)
    size = max(round(width * scale), side_px_min), max(round(height * scale), side_px_min)
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0))
