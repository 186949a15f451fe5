"""Privacy masks: parts of the picture that are painted over before anything is coded, compared or kept."""

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from shared_models.frames import Pixels

Point: TypeAlias = tuple[float, float]
"""(x, y), each 0 to 1 of the picture's width and height."""
Polygon: TypeAlias = tuple[Point, ...]

_GREY: Final = 127


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
        canvas = Image.new("L", (width, height))
        draw = ImageDraw.Draw(canvas)
        for polygon in self._polygons:
            corners = polygon * (width, height) - 0.5  # centres of pixels are at whole numbers here
            draw.polygon([(float(x), float(y)) for x, y in corners], fill=1, outline=1)
        return np.asarray(canvas.filter(ImageFilter.MaxFilter(3))).astype(np.bool_)
