"""A folder of pictures to measure on: read when needed, known by what is in them."""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from shared_models.codecs.picture_files import PICTURE_SUFFIXES, read_picture, shrink
from shared_models.errors import InputError
from shared_models.evaluation.coded_pictures import Picture
from shared_models.frames import Pixels

SIDE_PX_MIN: Final = 16
SIDE_PX_MAX: Final = 4096


def picture_paths(folder: Path, limit: int | None = None) -> tuple[Path, ...]:
    """Return the first `limit` pictures of a folder (all of them else), by name; raise InputError."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no directory of pictures")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    if not paths:
        raise InputError(f"{folder} holds no file that ends in {', '.join(sorted(PICTURE_SUFFIXES))}")
    return tuple(paths[:limit])


class PictureFolder:
    """Pictures by their place in a list of files; the pixels of the last one are kept."""

    def __init__(self, paths: Sequence[Path], side: int = 0) -> None:
        """Take the files; larger pictures are made smaller to the long side `side`, 0 keeps them."""
        self.paths, self.side = tuple(paths), side
        self._known: dict[int, Picture] = {}
        self._last: tuple[int, Pixels] | None = None

    def pixels(self, index: int) -> Pixels:
        """Return a picture as it is measured, (H, W, 3) uint8 RGB; raise InputError."""
        if self._last is None or self._last[0] != index:
            whole = read_picture(self.paths[index], SIDE_PX_MIN, SIDE_PX_MAX)
            self._last = index, shrink(whole, self.side, SIDE_PX_MIN) if self.side else whole
        return self._last[1]

    def picture(self, index: int) -> Picture:
        """Return what the cache knows a picture by; raise InputError."""
        if index not in self._known:
            pixels = self.pixels(index)
            digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest()
            height, width = pixels.shape[:2]
            self._known[index] = Picture(digest, width, height, partial(self.pixels, index))
        return self._known[index]
