"""A folder of pictures to measure on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from shared_models.codecs.picture_files import PICTURE_SUFFIXES, read_picture, shrink
from shared_models.errors import InputError
from shared_models.evaluation.picture_reader import PictureReader
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


class PictureFolder(PictureReader):
    """Pictures by their place in a list of files."""

    def __init__(self, paths: Sequence[Path], side: int = 0) -> None:
        """Take the files; larger pictures are made smaller to the long side `side`, 0 keeps them."""
        super().__init__(self._read_file)
        self.paths, self.side = tuple(paths), side

    def _read_file(self, place: int) -> Pixels:
        whole = read_picture(self.paths[place], SIDE_PX_MIN, SIDE_PX_MAX)
        return shrink(whole, self.side, SIDE_PX_MIN) if self.side else whole
