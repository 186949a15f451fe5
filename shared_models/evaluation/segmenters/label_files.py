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
    """Pair the first `limit` pictures of a folder with label files of the same name.

    Raises InputError where one is missing, of another size than its picture, or no single channel.
    """
    if not labels.is_dir():
        raise InputError(f"{labels} is no directory of label files")
    by_stem = {path.stem: path for path in sorted(labels.iterdir()) if path.suffix.lower() in LABEL_SUFFIXES}
    pairs = []
    for path in picture_paths(images, limit):
        if path.stem not in by_stem:
            raise InputError(
                f"{path.name} has no labels in {labels}; a label file has its picture's name and is a PNG"
            )
        pair = SegmentedPicture(path, by_stem[path.stem])
        _check(pair)
        pairs.append(pair)
    return pairs


def read_label_map(picture: SegmentedPicture, size: tuple[int, int]) -> LabelMap:
    """Read labels (H, W) and bring them to the `size` (width, height) at which the picture is measured.

    Raises InputError where the file is damaged.
    """
    try:
        with Image.open(picture.labels) as labels:
            scaled = labels if labels.size == size else labels.resize(size, Image.Resampling.NEAREST)
            found: LabelMap = np.asarray(scaled).astype(np.int32)
            return found
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise InputError(f"{picture.labels} is not a picture that can be read") from None


def _check(picture: SegmentedPicture) -> None:
    """Look at both files' headers; raise InputError where labels are of another size, or have colours."""
    (whole, _), (size, mode) = (_header(path) for path in (picture.path, picture.labels))
    if mode not in _MODES:
        raise InputError(f"{picture.labels} has colours ({mode}); labels are one channel of class indices")
    if size != whole:
        raise InputError(
            f"{picture.labels} is {size[0]}×{size[1]} pixels and its picture {whole[0]}×{whole[1]}; "
            "labels have the size of their picture"
        )


def _header(path: Path) -> tuple[tuple[int, int], str]:
    try:
        with Image.open(path) as image:
            return image.size, image.mode
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError):
        raise InputError(f"{path} is not a picture that can be read") from None
