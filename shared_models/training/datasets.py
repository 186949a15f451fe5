"""Batches for training: random crops of cached pictures."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from shared_models.frames import Pixels
from shared_models.training.picture_cache import PictureCache


class CropSampler:
    """Endless random crops, flipped half the time, every picture once an epoch."""

    def __init__(self, cache: PictureCache, crop: int, seed: int) -> None:
        """Take crops of `crop` x `crop` pixels; pictures smaller than that are continued by reflection."""
        self.cache, self.crop = cache, crop
        self.random = np.random.default_rng(seed)
        self.order: list[int] = []

    def batch(self, size: int) -> Tensor:
        """Return (size, 3, crop, crop) float32 RGB in [0, 1]."""
        crops = np.stack([self._crop(self._next()) for _ in range(size)])
        return torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255

    def state_dict(self) -> dict[str, Any]:
        """Return what is needed to go on with the same crops."""
        return {"random": self.random.bit_generator.state, "order": list(self.order)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.random.bit_generator.state = state["random"]
        self.order = list(state["order"])

    def _next(self) -> int:
        if not self.order:
            self.order = self.random.permutation(len(self.cache)).tolist()
        return self.order.pop()

    def _crop(self, index: int) -> Pixels:
        pixels = self.cache[index]
        short = [max(0, self.crop - side) for side in pixels.shape[:2]]
        if any(short):
            pixels = np.pad(pixels, ((0, short[0]), (0, short[1]), (0, 0)), mode="symmetric")
        top = int(self.random.integers(pixels.shape[0] - self.crop + 1))
        left = int(self.random.integers(pixels.shape[1] - self.crop + 1))
        crop = pixels[top : top + self.crop, left : left + self.crop]
        return np.ascontiguousarray(crop[:, ::-1] if self.random.random() < 0.5 else crop)
