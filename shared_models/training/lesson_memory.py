"""The latest examples that a teacher has spoken about, to be seen again."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class LessonMemory:
    """A ring of examples, each a few arrays by name, kept as float16."""

    def __init__(self, capacity: int, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Make room for `capacity` examples; pages of memory are touched as they fill."""
        self.arrays = {name: np.empty((capacity, *shape), np.float16) for name, shape in shapes.items()}
        self.capacity, self.added = capacity, 0

    def __len__(self) -> int:
        return min(self.added, self.capacity)

    def add(self, example: Mapping[str, NDArray[np.float32]]) -> int:
        """Keep one example in place of the oldest; return where."""
        index = self.added % self.capacity
        for name, kept in self.arrays.items():
            kept[index] = example[name]
        self.added += 1
        return index

    def batch(self, chosen: NDArray[np.int64]) -> dict[str, Tensor]:
        """Return the examples at these indices as float32, maps channels last."""
        taken = {name: torch.from_numpy(kept[chosen]).float() for name, kept in self.arrays.items()}
        return {
            name: t.contiguous(memory_format=torch.channels_last) if t.dim() == 4 else t
            for name, t in taken.items()
        }
