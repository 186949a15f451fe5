"""Every training picture decoded once into one memory-mapped file of bytes.

Decoding costs more than a training step can spare, so pictures lie ready: `pictures.bin` holds them one
after the other as (H, W, 3) uint8 RGB, `pictures.json` where each begins and how large it is.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from PIL import Image

from shared_models.errors import InputError
from shared_models.frames import Pixels

PICTURE_SUFFIXES = (".webp", ".jpg", ".jpeg", ".png")
CLIP_SUFFIXES = (".mp4", ".mkv", ".avi")
FRAME_EVERY_S = 0.5  # neighbouring frames of a clip teach little


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
            index = json.loads((folder / "pictures.json").read_text())
            self.places = [Place(*entry) for entry in index]
            self.bytes = np.memmap(folder / "pictures.bin", np.uint8, "r")
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{folder} holds no picture cache; build one with build_cache") from error

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Pixels:
        """Return a read-only view (H, W, 3) of one picture."""
        place = self.places[index]
        size = place.height * place.width * 3
        flat = self.bytes[place.offset_bytes : place.offset_bytes + size]
        return flat.reshape(place.height, place.width, 3)


def picture_paths(folders: Iterable[Path]) -> list[Path]:
    """List the pictures under `folders`, sorted, so that an index means the same picture every time."""
    return sorted(p for folder in folders for p in folder.rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES)


def build_cache(pictures: Sequence[Path], folder: Path) -> PictureCache:
    """Decode pictures, and a frame of clips every half second, into `folder`; the index is written last."""
    folder.mkdir(parents=True, exist_ok=True)
    places: list[Place] = []
    offset = 0
    with (folder / "pictures.bin").open("wb") as data:
        for path, pixels in _decode(pictures):
            places.append(Place(path.name, offset, pixels.shape[0], pixels.shape[1]))
            offset += data.write(pixels.tobytes())
    entries = [[p.name, p.offset_bytes, p.height, p.width] for p in places]
    (folder / "pictures.json").write_text(json.dumps(entries))
    return PictureCache(folder)


def _decode(paths: Iterable[Path]) -> Iterator[tuple[Path, Pixels]]:
    for path in paths:
        if path.suffix.lower() not in CLIP_SUFFIXES:
            yield path, np.asarray(Image.open(path).convert("RGB"))
            continue
        with av.open(path) as clip:
            stream = clip.streams.video[0]
            step = max(1, round(float(stream.average_rate or 25) * FRAME_EVERY_S))
            for i, frame in enumerate(clip.decode(stream)):
                if i % step == 0:
                    yield path, frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
