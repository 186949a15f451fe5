"""Which file holds the labels of each picture of a folder, and reading one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from shared_models.errors import InputError
from shared_models.evaluation.picture_folder import picture_paths
from shared_models.evaluation.segmenters.confusion import LabelMap

LABEL_SUFFIXES: Final = (".png", ".bmp", ".tif", ".tiff")
_MODES: Final = ("L", "P", "I;16", "I", "1")
"""One channel: the value, or the place in the palette, is the class."""


@dataclass(frozen=True, slots=True)
class SegmentedPicture:
    """A picture's file and that of its labels."""

    path: Path
    labels: Path


def pair_labels(images: Path, labels: Path, limit: int | None = None) -> list[SegmentedPicture]:
    """Pair the first `limit` pictures of a folder with label files of the same name; raise InputError."""
    if not labels.is_dir():
        raise InputError(f"{labels} is no directory of label files")
    by_stem = {path.stem: path for path in sorted(labels.iterdir()) if path.suffix.lower() in LABEL_SUFFIXES}
    pairs = []
    for path in picture_paths(images, limit):
        if path.stem not in by_stem:
            raise InputError(
                f"{path.name} has no labels in {labels}; a label file has its picture's name and is a PNG"
            )
        pairs.append(SegmentedPicture(path, by_stem[path.stem]))
    return pairs


def read_label_map(picture: SegmentedPicture, size: tuple[int, int]) -> LabelMap:
    """Read labels (H, W) at the picture's own size, and bring them to `size` (width, height) as measured.

    Raises InputError where they are of another size than the picture, or no single channel.
    """
    try:
        with Image.open(picture.path) as image:
            whole = image.size
        with Image.open(picture.labels) as labels:
            if labels.mode not in _MODES:
                raise InputError(
                    f"{picture.labels} has colours ({labels.mode}); labels are one channel of class indices"
                )
            if labels.size != whole:
                raise InputError(
                    f"{picture.labels} is {labels.size[0]}×{labels.size[1]} pixels and its picture "
                    f"{whole[0]}×{whole[1]}; labels have the size of their picture"
                )
            scaled = labels if labels.size == size else labels.resize(size, Image.Resampling.NEAREST)
            found: LabelMap = np.asarray(scaled).astype(np.int32)
            return found
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise InputError(f"{picture.labels} is not a picture that can be read") from None
