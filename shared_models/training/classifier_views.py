"""Views of pictures with the teacher's lesson on each: the same crop for teacher and pupil, every time.

Beyer et al. 2022 ("a good teacher is patient and consistent"): a pupil learns a function, so it must see
what the teacher saw. Views are drawn once; lessons lie in memory-mapped files of float16. Latents depend
on the base and lie beside them, one file a base.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from shared_models.bridges.classifier_teacher import TEACHER_SIDE, ClassifierTeacher, Lesson
from shared_models.codecs.slim.model import SlimModel
from shared_models.frames import Pixels
from shared_models.training.picture_cache import PictureCache

PUPIL_SIDE = 256
LATENTS_SIDE = PUPIL_SIDE // 16
BATCH = 32
SMALLEST_SHARE = 0.55  # of a picture's short side
VIEW = np.dtype([("picture", "i4"), ("top", "i4"), ("left", "i4"), ("side", "i4"), ("mirrored", "?")])
SHAPES = {"maps": (320, 7, 7), "features": (1280,), "logits": (1000,)}


@dataclass(frozen=True, slots=True)
class ViewSet:
    """N views: where they are cut, and the teacher's lesson on each."""

    folder: Path
    views: NDArray[np.void]
    lessons: dict[str, NDArray[np.float16]]

    def __len__(self) -> int:
        return len(self.views)

    def lesson(self, chosen: NDArray[np.int64]) -> Lesson:
        """Return the lesson on the views at these indices."""
        return Lesson(**{name: array[chosen].astype(np.float32) for name, array in self.lessons.items()})


def draw_views(
    pictures: PictureCache, chosen: Sequence[int], per_picture: int, seed: int
) -> NDArray[np.void]:
    """Draw square views, as large as the short side at most, mirrored half the time; in random order."""
    random = np.random.default_rng(seed)
    views = np.zeros(len(chosen) * per_picture, VIEW)
    for i, index in enumerate(np.repeat(np.asarray(chosen), per_picture)):
        height, width = pictures[index].shape[:2]
        side = int(min(height, width) * random.uniform(SMALLEST_SHARE, 1.0))
        top, left = random.integers(height - side + 1), random.integers(width - side + 1)
        views[i] = (index, top, left, side, random.random() < 0.5)
    random.shuffle(views)
    return views


def cut(pictures: PictureCache, view: NDArray[np.void], side: int) -> Pixels:
    """Cut one view out and bring it to (side, side, 3)."""
    top, left, size = int(view["top"]), int(view["left"]), int(view["side"])
    crop = pictures[int(view["picture"])][top : top + size, left : left + size]
    resized = Image.fromarray(np.ascontiguousarray(crop)).resize((side, side), Image.Resampling.BILINEAR)
    pixels: Pixels = np.asarray(resized)
    return pixels[:, ::-1] if view["mirrored"] else pixels


def build_views(
    pictures: PictureCache, views: NDArray[np.void], teacher: ClassifierTeacher, folder: Path
) -> ViewSet:
    """Let the teacher look at every view; `views.npy` is written last."""
    folder.mkdir(parents=True, exist_ok=True)
    lessons = {
        name: np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float16, (len(views), *shape))
        for name, shape in SHAPES.items()
    }
    for i, view in enumerate(views):
        lesson = teacher.teach(cut(pictures, view, TEACHER_SIDE))
        for name, array in lessons.items():
            array[i] = getattr(lesson, name)[0]
    np.save(folder / "views.npy", views)
    return open_views(folder)


def open_views(folder: Path) -> ViewSet:
    """Map the views and lessons in `folder`."""
    lessons = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in SHAPES}
    return ViewSet(folder, np.load(folder / "views.npy"), lessons)


@torch.no_grad()
def latents_of(pictures: PictureCache, views: ViewSet, base: SlimModel, name: str) -> NDArray[np.float16]:
    """Return y for every view, (N, 64, 16, 16); made once for each base `name`.

    Three batches of four come from the narrowest encoder, which costs least, the fourth from the widths
    in turn: all emit the same latent space.
    """
    path = views.folder / f"latents-{name}.npy"
    if not path.exists():
        partial = path.with_suffix(".partial")
        shape = (len(views), base.config.latent_channels, LATENTS_SIDE, LATENTS_SIDE)
        latents = np.lib.format.open_memmap(partial, "w+", np.float16, shape)
        for batch, begin in enumerate(range(0, len(views), BATCH)):
            some = views.views[begin : begin + BATCH]
            pixels = np.stack([cut(pictures, view, PUPIL_SIDE) for view in some])
            x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
            width = 0 if batch % 4 else batch // 4 % base.config.widths
            with torch.autocast(x.device.type, torch.bfloat16):
                y = base.latents(x.contiguous(memory_format=torch.channels_last), width)
            latents[begin : begin + BATCH] = y.numpy()
        latents.flush()
        partial.rename(path)
    latents_read: NDArray[np.float16] = np.load(path, mmap_mode="r")
    return latents_read
