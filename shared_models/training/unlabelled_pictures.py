"""Photographs without labels: what a bridge is fitted to, and a few kept aside to judge it by."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageOps

from shared_models.errors import InputError
from shared_models.frames import Pixels
from shared_models.training.picture_cache import picture_paths

PICTURES_MIN: Final = 16
_SIDE_PX_MIN: Final = 32  # less shows nothing to a model
_MEMORY_BYTES: Final = 2 << 30


@dataclass(frozen=True, slots=True)
class Split:
    """Indices of the pictures to fit on and of those held out, apart for good."""

    fitted: Sequence[int]
    held_out: Sequence[int]


class UnlabelledPictures:
    """The pictures under a directory, made small enough, decoded when asked for. Safe across threads."""

    def __init__(self, directory: Path, long_side_px: int, *, seed: int = 0) -> None:
        """List the pictures; raise InputError where there are fewer than PICTURES_MIN."""
        if not directory.is_dir():
            raise InputError(f"{directory} is not a directory; give a directory of photographs")
        self.paths = picture_paths([directory])
        self._require(len(self.paths), directory)
        self.directory, self.long_side_px, self.seed = directory, long_side_px, seed
        self.unreadable: set[int] = set()
        self._memory: dict[int, Pixels] = {}
        self._held_bytes = 0
        self._lock = threading.Lock()

    def split(self) -> Split:
        """Hold out one picture of twelve, 4 at least and 200 at most, the same ones every time."""
        order = np.random.default_rng(self.seed).permutation(len(self.paths))
        count = min(200, max(4, len(order) // 12))
        return Split(sorted(order[count:].tolist()), sorted(order[:count].tolist()))

    def read(self, index: int) -> Pixels | None:
        """Return one picture (H, W, 3) uint8 RGB, or None for one that cannot be read (and count it).

        Raises InputError once so many cannot be read that too few are left.
        """
        if index in self._memory:
            return self._memory[index]
        if index in self.unreadable:
            return None
        pixels = _decode(self.paths[index], self.long_side_px)
        with self._lock:
            if pixels is None:
                self.unreadable.add(index)
                self._require(len(self.paths) - len(self.unreadable), self.directory)
            elif self._held_bytes + pixels.nbytes <= _MEMORY_BYTES:
                self._memory[index] = pixels
                self._held_bytes += pixels.nbytes
        return pixels

    @staticmethod
    def _require(count: int, directory: Path) -> None:
        if count < PICTURES_MIN:
            raise InputError(
                f"{directory} holds {count} pictures that can be read and at least {PICTURES_MIN} are "
                "needed; hundreds are better"
            )


def _decode(path: Path, long_side_px: int) -> Pixels | None:
    try:
        with Image.open(path) as image:
            image.draft("RGB", (long_side_px, long_side_px))  # JPEG only: decode no more than is kept
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None  # Pillow's ways to say that a file is no picture, or a damaged one
    scale = min(1.0, long_side_px / max(upright.size))
    size = (max(1, round(upright.width * scale)), max(1, round(upright.height * scale)))
    if min(size) < _SIDE_PX_MIN:
        return None
    return np.array(upright if scale == 1.0 else upright.resize(size, Image.Resampling.BICUBIC))
