"""Frames to measure on: of a clip, or a made-up scene that moves and is about as hard to code as a street."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from shared_models.errors import InputError
from shared_models.evaluation.latency.report import Size
from shared_models.evaluation.picture_folder import PictureFolder, picture_paths
from shared_models.evaluation.video.clips import read_clip
from shared_models.frames import Pixels

SYNTHETIC: Final = "a synthetic moving scene"
CALIBRATION_PICTURES: Final = 24
CALIBRATION_SIDE_PX: Final = 640
_SHIFT_PX: Final = 3
"""By how much the synthetic scene moves from frame to frame."""


def make_frames(source: Path | None, count: int) -> list[Pixels]:
    """Return consecutive frames of a clip, or of a synthetic scene; raise InputError if there are too few."""
    if source is None:
        scene = _scene(1280 + _SHIFT_PX * count, 960)
        return [scene[:, _SHIFT_PX * k : _SHIFT_PX * k + 1280] for k in range(count)]
    frames = read_clip(source, limit=count).pixels
    if len(frames) < count:
        raise InputError(f"{source} has {len(frames)} frames and {count} are measured; ask for fewer")
    return frames


def calibration_pictures(folder: Path) -> list[Pixels]:
    """Return the first pictures of a folder, the large ones made smaller; raise InputError."""
    paths = picture_paths(folder, CALIBRATION_PICTURES)
    pictures = PictureFolder(paths, CALIBRATION_SIDE_PX)
    return [pictures.pixels(index) for index in range(len(paths))]


def fit(frames: Sequence[Pixels], size: Size) -> list[Pixels]:
    """Bring frames to exactly (width, height): scaled to cover it, cut around the middle."""
    return [_fit(frame, size) for frame in frames]


def _fit(frame: Pixels, size: Size) -> Pixels:
    height, width = frame.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    cut_width, cut_height = size[0] / scale, size[1] / scale
    left, top = (width - cut_width) / 2, (height - cut_height) / 2
    box = (left, top, left + cut_width, top + cut_height)
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC, box=box))


def _scene(width: int, height: int) -> Pixels:
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width]
    waves = np.zeros((height, width))
    for a, b, c in random.uniform(4, 80, (6, 3)):
        waves += np.sin(x / a + b) * np.cos(y / c)
    planes = np.stack([waves * 25 + 128 + 30 * (x // 90 % 2), waves * 20 + 120, 140 - waves * 15], axis=2)
    return np.clip(planes + random.normal(0, 3, planes.shape), 0, 255).astype(np.uint8)
