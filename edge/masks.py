"""Privacy masks: parts of the picture that are painted over before anything is coded, compared or kept."""

from collections.abc import Sequence
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from shared_models.frames import Pixels

Point: TypeAlias = tuple[float, float]
"""(x, y), each 0 to 1 of the picture's width and height."""
Polygon: TypeAlias = tuple[Point, ...]

_GREY: Final = 127
_SUBPIXEL_BITS: Final = 8  # cv2 takes coordinates as fixed-point integers


class MaskPainter:
    """Paints polygons over pictures of any size."""

    def __init__(self, polygons: Sequence[Polygon]) -> None:
        """Take polygons of three points or more, in relative coordinates."""
        self._polygons = tuple(np.asarray(polygon, np.float64) for polygon in polygons)
        self._stencil: NDArray[np.bool_] = np.zeros((0, 0), np.bool_)

    def paint(self, pixels: Pixels) -> Pixels:
        """Return the picture with every masked pixel grey; the given one may be changed."""
        if not self._polygons:
            return pixels
        if self._stencil.shape != pixels.shape[:2]:
            self._stencil = self._draw(pixels.shape[0], pixels.shape[1])
        if not pixels.flags.writeable:
            pixels = pixels.copy()
        pixels[self._stencil] = _GREY
        return pixels

    def _draw(self, height: int, width: int) -> NDArray[np.bool_]:
        """Mark every pixel that a polygon touches, and one around it: scaling has mixed neighbours."""
        canvas = np.zeros((height, width), np.uint8)
        for polygon in self._polygons:
            # Pixel centres are at +0.5, and cv2 puts them on whole numbers.
            corners = np.round((polygon * (width, height) - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
            cv2.fillPoly(canvas, [corners], 1, shift=_SUBPIXEL_BITS)
        return cv2.dilate(canvas, np.ones((3, 3), np.uint8)).astype(np.bool_)
