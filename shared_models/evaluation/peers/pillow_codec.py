"""Codecs that Pillow writes and reads: whole files, one thread."""

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import PIL
from PIL import Image

from shared_models.errors import InputError
from shared_models.frames import Pixels


@dataclass(frozen=True, slots=True)
class PillowCodec:
    """One file format of Pillow with fixed options; `quality` is Pillow's 0 to 100."""

    name: str
    format: str
    library: str
    options: Mapping[str, str | int | bool]
    qualities: tuple[float, ...]
    quality_name: str = "quality"

    @property
    def settings(self) -> str:
        """Name Pillow, the library behind it, and the options."""
        options = ", ".join(f"{key} {value}" for key, value in self.options.items())
        return f"Pillow {PIL.__version__}, {self.library}, {options}; whole file"

    def encode(self, pixels: Pixels, quality: float) -> bytes:
        """Return the whole file; raise InputError for a quality that is no whole number from 0 to 100."""
        if not (0 <= quality <= 100 and quality == int(quality)):
            raise InputError(f"{self.name} has no quality {quality:g}; it takes whole numbers from 0 to 100")
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, self.format, quality=int(quality), **self.options)
        return file.getvalue()

    def decode(self, data: bytes, width: int, height: int) -> Pixels:  # the file knows its size
        """Return the picture."""
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
