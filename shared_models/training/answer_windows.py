"""What a frozen detector answers on every training picture, and the latents of a frozen base beside it.

Both are computed on whole pictures and are read in windows that show most of one: a detector that learns
from pieces of large objects what was answered for the whole learns to doubt itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from shared_models.bridges.yolox import FrozenYolox, Prediction
from shared_models.codecs.slim.model import SlimModel
from shared_models.frames import Pixels
from shared_models.training.feature_cache import FeatureCache, Window, write_features
from shared_models.training.picture_cache import PictureCache

LATENT_STRIDE = 16
STRIDES = (8, 16, 32)
GRID = 32  # pictures are cut, and windows begin, on the coarsest stride


@dataclass(frozen=True, slots=True)
class AnsweredBatch:
    """Latents y (B, 64, h, w) before rounding, the teacher's neck features and predictions at STRIDES."""

    y: Tensor
    neck: list[Tensor]
    answers: list[Prediction]


class AnswerWindows:
    """Endless random windows of the pictures that are large enough, every picture once an epoch."""

    def __init__(
        self, answers: FeatureCache, latents: FeatureCache, sides: tuple[int, int], seed: int
    ) -> None:
        """Take caches of the same pictures, in the same order, and the short and long side of a window."""
        self.caches = {"answers": answers, "latents": latents}
        short, long = sides
        self.shapes = ((short, long), (long, short))  # landscape, portrait: a batch is all one or the other
        self.sizes = [(h * LATENT_STRIDE, w * LATENT_STRIDE) for _, h, w in latents.shapes["y"]]
        self.random = np.random.default_rng(seed)
        self.orders = [self._shuffled(0), self._shuffled(1)]

    def batch(self, size: int) -> AnsweredBatch:
        """Draw `size` windows."""
        counts = [len(order) for order in self.orders]
        orientation = int(self.random.random() * sum(counts) >= counts[0])
        drawn = [self._draw(orientation) for _ in range(size)]
        y = self._stack("latents", "y", LATENT_STRIDE, drawn)
        neck = [self._stack("answers", f"neck_{s}", s, drawn) for s in STRIDES]
        maps = [self._stack("answers", f"map_{s}", s, drawn) for s in STRIDES]
        return AnsweredBatch(y, neck, [Prediction(m[:, 5:], m[:, 4:5], m[:, :4]) for m in maps])

    def state_dict(self) -> dict[str, Any]:
        """Return what is needed to go on with the same windows."""
        return {"random": self.random.bit_generator.state, "orders": [list(order) for order in self.orders]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.random.bit_generator.state = state["random"]
        self.orders = [list(order) for order in state["orders"]]

    def _shuffled(self, orientation: int) -> list[int]:
        height, width = self.shapes[orientation]
        fitting = [i for i, (h, w) in enumerate(self.sizes) if h >= height and w >= width]
        order: list[int] = self.random.permutation(fitting).tolist()
        return order

    def _draw(self, orientation: int) -> tuple[int, Window]:
        if not self.orders[orientation]:
            self.orders[orientation] = self._shuffled(orientation)
        index = self.orders[orientation].pop()
        shape = self.shapes[orientation]
        free = [(size - side) // GRID for size, side in zip(self.sizes[index], shape, strict=True)]
        top, left = (GRID * int(self.random.integers(steps + 1)) for steps in free)
        return index, Window(top, left, *shape)

    def _stack(self, cache: str, name: str, stride: int, drawn: list[tuple[int, Window]]) -> Tensor:
        windows = [self.caches[cache].window(name, index, *window.on(stride)) for index, window in drawn]
        return torch.from_numpy(np.stack(windows)).float().contiguous(memory_format=torch.channels_last)


def cache_answers(pictures: PictureCache, teacher: FrozenYolox, folder: Path) -> FeatureCache:
    """Let the teacher answer every picture, unless `folder` has the answers already."""
    if (folder / "features.json").exists():
        return FeatureCache(folder)

    @torch.no_grad()
    def answers() -> Iterator[dict[str, Tensor]]:
        for i in range(len(pictures)):
            with torch.autocast("cpu", torch.bfloat16):
                neck, predictions = teacher.neck_and_heads(teacher.features(whole(pictures[i])))
            maps = [torch.cat([p.boxes, p.objectness, p.classes], dim=1) for p in predictions]
            yield {f"neck_{s}": n for s, n in zip(STRIDES, neck, strict=True)} | {
                f"map_{s}": m for s, m in zip(STRIDES, maps, strict=True)
            }

    return write_features(answers(), folder)


def cache_latents(pictures: PictureCache, base: SlimModel, folder: Path) -> FeatureCache:
    """Encode every picture at a width drawn for it, unless `folder` has the latents already."""
    if (folder / "features.json").exists():
        return FeatureCache(folder)
    widths = np.random.default_rng(0).integers(base.config.widths, size=len(pictures))

    @torch.no_grad()
    def latents() -> Iterator[dict[str, Tensor]]:
        for i, width in enumerate(widths):
            with torch.autocast("cpu", torch.bfloat16):
                yield {"y": base.latents(whole(pictures[i]), int(width))}

    return write_features(latents(), folder)


def whole(pixels: Pixels) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H', W') in [0, 1], its sides cut to multiples of GRID, channels last."""
    height, width = (side // GRID * GRID for side in pixels.shape[:2])
    x = torch.from_numpy(pixels[:height, :width].copy()).permute(2, 0, 1).unsqueeze(0).float() / 255
    return x.contiguous(memory_format=torch.channels_last)
