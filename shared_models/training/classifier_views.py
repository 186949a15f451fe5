"""Views without end, with the teacher's lesson on each: what the pupil sees is what the teacher saw.

Beyer et al. 2022 ("a good teacher is patient and consistent"): a pupil learns a function, so it must see
what the teacher saw, and it needs very many views. Pictures are painted on canvases (at any scale, mirrored,
recoloured, or four cut together), a canvas is encoded once as a whole picture is when it is coded, and
squares of its latents are the views. A memory keeps the latest ones to be seen again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from shared_models.bridges.classifier_teacher import LAST_MAP_SHAPE, TEACHER_SIDE, ClassifierTeacher, Lesson
from shared_models.codecs.slim.model import SlimModel
from shared_models.frames import Pixels
from shared_models.training.picture_cache import PictureCache

STRIDE = 16
CANVAS_SIDE = 416  # at most
VIEWS_A_CANVAS = 4
MOSAIC_SHARE = 0.2
ZOOM_MAX = 2.0  # a view is at least 1/2 of the short side, and mostly more
STRETCH, GAMMA, CAST = 0.15, 0.3, 0.06  # the spread of aspect, of gamma and of each colour, as logarithms
FEATURES, CLASSES = 1280, 1000


class ViewMemory:
    """The latest views of one size, with latents before quantisation and lessons, as float16."""

    def __init__(self, capacity: int, channels: int, cells: int) -> None:
        """Make room for `capacity` views of (channels, cells, cells); pages are touched as they fill."""
        self.latents = np.empty((capacity, channels, cells, cells), np.float16)
        self.maps = np.empty((capacity, *LAST_MAP_SHAPE), np.float16)
        self.features = np.empty((capacity, FEATURES), np.float16)
        self.logits = np.empty((capacity, CLASSES), np.float16)
        self.added = 0

    def __len__(self) -> int:
        return min(self.added, len(self.latents))

    def add(self, latents: NDArray[np.float32], lesson: Lesson) -> int:
        """Keep one view (C, cells, cells) in place of the oldest; return where."""
        index = self.added % len(self.latents)
        self.latents[index] = latents
        self.maps[index] = lesson.last_map[0]
        self.features[index], self.logits[index] = lesson.features[0], lesson.logits[0]
        self.added += 1
        return index

    def lesson(self, chosen: NDArray[np.int64]) -> Lesson:
        """Return the lesson on the views at these indices."""
        maps, features, logits = (
            kept[chosen].astype(np.float32) for kept in (self.maps, self.features, self.logits)
        )
        return Lesson(maps, features, logits)


@dataclass(frozen=True, slots=True)
class ViewSource:
    """Draws views of the pictures at `chosen`."""

    pictures: PictureCache
    chosen: Sequence[int]
    teacher: ClassifierTeacher
    base: SlimModel

    def fill(self, memory: ViewMemory, count: int, random: Generator) -> list[int]:
        """Add at least `count` views to `memory`; return where they are."""
        places: list[int] = []
        cells = memory.latents.shape[-1]
        while len(places) < count:
            canvas = self.canvas(cells * STRIDE, random)
            y = self._latents(canvas, int(random.integers(self.base.config.widths)))
            for _ in range(VIEWS_A_CANVAS):
                top, left = (int(random.integers(size - cells + 1)) for size in y.shape[1:])
                view = y[:, top : top + cells, left : left + cells]
                seen = cut(canvas, top * STRIDE, left * STRIDE, cells * STRIDE)
                places.append(memory.add(view, self.teacher.teach(seen)))
        return places

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

    @torch.no_grad()
    def _latents(self, canvas: Pixels, width: int) -> NDArray[np.float32]:
        x = torch.from_numpy(canvas).permute(2, 0, 1).unsqueeze(0).float() / 255
        with torch.autocast(x.device.type, torch.bfloat16):
            y = self.base.latents(x.contiguous(memory_format=torch.channels_last), width)
        latents: NDArray[np.float32] = y[0].numpy()
        return latents


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
