"""A directory of images, in the order of their names, as a source."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from edge.sources.scaling import fit
from edge.sources.source import Grab
from shared_models.errors import SourceError
from shared_models.frames import Pixels

IMAGE_SUFFIXES: Final = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".avif")
)


class DirectorySource:
    """Every image of a directory, one a frame, at a nominal rate."""

    def __init__(self, directory: Path, frames_per_second: float) -> None:
        """List the images now; raise SourceError if there are none."""
        if not directory.is_dir():
            raise SourceError(f"there is no directory {directory}; correct source.path")
        paths = sorted(
            (p for p in directory.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES), key=natural_order
        )
        if not paths:
            known = ", ".join(sorted(IMAGE_SUFFIXES))
            raise SourceError(f"the directory {directory} holds no image; put files of {known} there")
        self._paths: Iterator[tuple[int, Path]] = enumerate(paths)
        self._step_s = 1 / frames_per_second

    def grab(self) -> Grab | None:
        """Name the next image; it is read when it is converted."""
        index, path = next(self._paths, (0, None))
        if path is None:
            return None
        return Grab(index * self._step_s, lambda long_side_px: read_image(path, long_side_px))

    def close(self) -> None:
        """Hold nothing open between images."""


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Sort `frame9` before `frame10`."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", path.name)
    ]


def read_image(path: Path, long_side_px: int) -> Pixels:
    """Read an image upright, as RGB, neither side beyond `long_side_px`; raise SourceError."""
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise SourceError(f"the image {path} cannot be read: {error}") from error
    return fit(np.asarray(upright, dtype=np.uint8), long_side_px)
