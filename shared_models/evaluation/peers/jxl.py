"""JPEG XL through libjxl, as a bare codestream."""

from dataclasses import dataclass
from types import ModuleType

import numpy as np

from shared_models.errors import InputError
from shared_models.evaluation.peers.codec import Missing
from shared_models.frames import Pixels

EFFORT = 7  # libjxl's default


@dataclass(frozen=True, slots=True)
class JpegXl:
    """VarDCT at a Butteraugli distance, 0.1 (best) to 25 (least)."""

    imagecodecs: ModuleType
    name: str = "jxl"
    quality_name: str = "distance"
    qualities: tuple[float, ...] = (25, 15, 12, 8, 5, 3, 1.5)

    @property
    def settings(self) -> str:
        """Name libjxl and its effort."""
        version = f"imagecodecs {self.imagecodecs.__version__}, {self.imagecodecs.jpegxl_version()}"
        return f"{version}, effort {EFFORT}; bare codestream"

    def encode(self, pixels: Pixels, quality: float) -> bytes:
        """Return the codestream at a distance; raise InputError for one that libjxl does not have."""
        if not 0.1 <= quality <= 25:
            raise InputError(f"jxl has no distance {quality:g}; it runs from 0.1 (best) to 25 (least)")
        return bytes(
            self.imagecodecs.jpegxl_encode(
                pixels, distance=quality, effort=EFFORT, usecontainer=False, numthreads=1
            )
        )

    def decode(self, data: bytes, width: int, height: int) -> Pixels:  # the stream knows its size
        """Return the picture."""
        return np.asarray(self.imagecodecs.jpegxl_decode(data, numthreads=1), np.uint8)


def jxl() -> JpegXl | Missing:
    """Return the codec where imagecodecs is installed with libjxl."""
    try:
        import imagecodecs
    except ImportError:
        return Missing("imagecodecs is not installed; pip install 'slimstream[eval]'")
    if not imagecodecs.JPEGXL.available:
        return Missing("this build of imagecodecs has no libjxl")
    return JpegXl(imagecodecs)
