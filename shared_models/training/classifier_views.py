"""Canvases without end, out of which a classifier's views are cut.

Beyer et al. 2022 ("a good teacher is patient and consistent"): a pupil learns a function, so it must see
what the teacher saw, and it needs very many views. Pictures are painted on canvases (at any scale, mirrored,
recoloured, or four cut together); squares of them are the views.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator
from PIL import Image

from shared_models.bridges.classifier_teacher import TEACHER_SIDE
from shared_models.frames import Pixels
from shared_models.training.picture_cache import PictureCache

STRIDE: Final = 16
CANVAS_SIDE: Final = 416  # at most
MOSAIC_SHARE: Final = 0.1
ZOOM_MAX: Final = 2.0  # a view is at least 1/2 of the short side, and mostly more
STRETCH, GAMMA, CAST = 0.15, 0.3, 0.06  # the spread of aspect, of gamma and of each colour, as logarithms


@dataclass(frozen=True, slots=True)
class CanvasSource:
    """Paints canvases with the pictures at `chosen`."""

    pictures: PictureCache
    chosen: Sequence[int]

    def canvas(self, side: int, random: Generator) -> Pixels:
        """Paint one picture, or four cut together, at least `side` px high and wide."""
        if random.random() < MOSAIC_SHARE:
            return self._mosaic(random)
        picture = self._picture(random)
        scale = side / min(picture.shape[:2]) * ZOOM_MAX ** random.random() ** 2
        height, width = (max(side, min(int(scale * size), CANVAS_SIDE)) for size in picture.shape[:2])
        return paint(picture, (height // STRIDE * STRIDE, width // STRIDE * STRIDE), scale, random)

    def _mosaic(self, random: Generator) -> Pixels:
        canvas = np.empty((CANVAS_SIDE, CANVAS_SIDE, 3), np.uint8)
        row, column = (int(CANVAS_SIDE * random.uniform(0.3, 0.7)) for _ in range(2))
        for rows in (slice(0, row), slice(row, CANVAS_SIDE)):
            for columns in (slice(0, column), slice(column, CANVAS_SIDE)):
                size = (rows.stop - rows.start, columns.stop - columns.start)
                picture = self._picture(random)
                least = max(size[0] / picture.shape[0], size[1] / picture.shape[1])
                canvas[rows, columns] = paint(picture, size, least * ZOOM_MAX ** random.random(), random)
        return canvas

    def _picture(self, random: Generator) -> Pixels:
        return self.pictures[self.chosen[int(random.integers(len(self.chosen)))]]


def paint(picture: Pixels, size: tuple[int, int], scale: float, random: Generator) -> Pixels:
    """Paint (height, width) of a picture at about `scale`: stretched, mirrored and recoloured at random."""
    stretch = np.exp(random.uniform(-STRETCH, STRETCH))
    height, width = (
        min(pixels / (scale * factor), whole)
        for pixels, factor, whole in zip(size, (stretch, 1 / stretch), picture.shape[:2], strict=True)
    )
    top, left = random.random() * (picture.shape[0] - height), random.random() * (picture.shape[1] - width)
    painted = np.asarray(
        Image.fromarray(picture).resize(
            size[::-1], Image.Resampling.BILINEAR, box=(left, top, left + width, top + height)
        )
    )
    if random.random() < 0.5:
        painted = painted[:, ::-1]
    return recoloured(painted, random)


def recoloured(pixels: Pixels, random: Generator) -> Pixels:
    """Change gamma, and the brightness of each colour, a little."""
    levels = np.linspace(0, 1, 256) ** np.exp(random.uniform(-GAMMA, GAMMA))
    table = np.clip(255 * levels * np.exp(random.normal(0, CAST, (3, 1))), 0, 255).astype(np.uint8)
    return np.stack([table[colour][pixels[..., colour]] for colour in range(3)], axis=2)


def cut(canvas: Pixels, top: int, left: int, side: int) -> Pixels:
    """Cut a square out of a canvas, as large as the teacher wants it."""
    square = Image.fromarray(canvas[top : top + side, left : left + side])
    return np.asarray(square.resize((TEACHER_SIDE, TEACHER_SIDE), Image.Resampling.BILINEAR))
