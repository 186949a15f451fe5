"""Every training picture decoded once into one memory-mapped file of bytes.

Decoding costs more than a training step can spare, so pictures lie ready: `pictures.bin` holds them one
after the other as (H, W, 3) uint8 RGB, `pictures.json` where each begins and how large it is.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from shared_models.errors import InputError
from shared_models.frames import Pixels

PICTURE_SUFFIXES = (".webp", ".jpg", ".jpeg", ".png")
INDEX = "pictures.json"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one picture lies in the file."""

    name: str
    offset_bytes: int
    height: int
    width: int


class PictureCache:
    """Pictures by index, without decoding."""

    def __init__(self, folder: Path) -> None:
        """Map the cache in `folder`; raise InputError where there is none."""
        try:
            index = json.loads((folder / INDEX).read_text())
            self.places = [Place(*entry) for entry in index]
            self.bytes = np.memmap(folder / "pictures.bin", np.uint8, "r")
        except (OSError, ValueError, TypeError) as error:
            raise InputError(
                f"{folder} holds no whole picture cache; remove it, and it is made again"
            ) from error

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[Pixels]:
        """Go through all pictures in order."""
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Pixels:
        """Return a read-only view (H, W, 3) of one picture."""
        place = self.places[index]
        size = place.height * place.width * 3
        flat = self.bytes[place.offset_bytes : place.offset_bytes + size]
        return flat.reshape(place.height, place.width, 3)


def picture_paths(folders: Iterable[Path]) -> list[Path]:
    """List the pictures under `folders`, sorted, so that an index means the same picture every time."""
    return sorted(p for folder in folders for p in folder.rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES)


def cached_pictures(data: Path, folder: Path) -> PictureCache:
    """Open the cache in `folder`; where there is none, build it from the pictures under `data`."""
    is_ready = (folder / INDEX).exists()
    return PictureCache(folder) if is_ready else build_cache(picture_paths([data]), folder)


def build_cache(pictures: Sequence[Path], folder: Path) -> PictureCache:
    """Decode pictures into `folder`; the index is written last, so that half a cache is none.

    Raises InputError where there are none, and for a file that is no picture.
    """
    if not pictures:
        raise InputError(f"no pictures to train on; give a folder of {', '.join(PICTURE_SUFFIXES)} files")
    folder.mkdir(parents=True, exist_ok=True)
    places: list[Place] = []
    offset = 0
    with (folder / "pictures.bin").open("wb") as data:
        for path in pictures:
            try:
                pixels = np.asarray(Image.open(path).convert("RGB"))
            except OSError as error:
                raise InputError(f"{path} is not a picture that can be read; remove it") from error
            places.append(Place(path.name, offset, pixels.shape[0], pixels.shape[1]))
            offset += data.write(pixels.tobytes())
    entries = [[p.name, p.offset_bytes, p.height, p.width] for p in places]
    (folder / INDEX).write_text(json.dumps(entries))
    return PictureCache(folder)
