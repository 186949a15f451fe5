"""Whether a model scales its pictures itself, found out without a photograph.

Fed with numbers a hundred times too small, a network sees nothing but its own biases: black, white and noise
look the same to it. Measured on three networks that want 0..255: their outputs moved 0.06, 0.04 and 0.17
of their spread when fed with ImageNet's numbers, and 0.57, 0.53 and 0.67 when fed as they want; one that
wants ImageNet's numbers moved 0.5 with either.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np
from PIL import Image

from shared_models.frames import Pixels
from shared_models.tasks.input_convention import Array, InputConvention

BLIND_MAX: Final = 0.25
"""Outputs that move less than this share of their spread hardly depend on the picture."""
ADVANTAGE_MIN: Final = 2.0
"""How much more they must move when fed with 0..255."""

Run: TypeAlias = Callable[[InputConvention, Pixels], Sequence[Array]]


def scales_itself(run: Run, normalised: InputConvention, whole: InputConvention) -> bool:
    """Tell whether a model is blind to pictures fed as `normalised` and sees them fed as `whole`, 0..255."""
    moved = _movement(run, normalised)
    return moved < BLIND_MAX and _movement(run, whole) > ADVANTAGE_MIN * moved


def grain(width: int, height: int) -> Pixels:
    """Return a picture of smooth noise, to probe a model where there is no photograph."""
    coarse = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def _movement(run: Run, convention: InputConvention) -> float:
    """Return how far outputs for black, white and noise are apart, of the spread of all their values."""
    width, height = convention.side
    pictures = [np.full((height, width, 3), grey, np.uint8) for grey in (0, 255)]
    runs = [run(convention, picture) for picture in (*pictures, grain(width, height))]
    movements = [
        float(values.std(axis=0).mean() / max(float(values.std()), 1e-12))
        for column in zip(*runs, strict=True)
        if (values := np.stack(column)).dtype.kind == "f"
    ]
    return max(movements, default=np.inf)
