"""The grids of cells that dense detectors predict on."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Side = tuple[int, int]

STRIDE_SETS: Final = (
    (8, 16, 32),
    (8, 16, 32, 64),
    (4, 8, 16, 32),
    (16, 32),
    (8, 16),
    (16, 32, 64),
    (4, 8, 16),
    (8, 16, 32, 64, 128),
)
"""Levels that detectors have, most common first."""

_CACHED: Final = 16
"""Grids that are kept: cameras have few sizes."""


def level_sizes(side: Side, strides: Sequence[int]) -> list[tuple[int, int]]:
    """Return (rows, columns) of each level for a canvas of `side` (width, height)."""
    return [(-(-side[1] // stride), -(-side[0] // stride)) for stride in strides]


def count_cells(side: Side, strides: Sequence[int]) -> int:
    """Return the cells of all levels together."""
    return sum(rows * columns for rows, columns in level_sizes(side, strides))


def find_strides(count: int, side: Side, per_cell: int = 1) -> tuple[int, ...] | None:
    """Return the levels whose cells, `per_cell` boxes each, make `count` boxes on a canvas of `side`."""
    return next((s for s in STRIDE_SETS if count == per_cell * count_cells(side, s)), None)


@lru_cache(_CACHED)
def cells(side: Side, strides: tuple[int, ...]) -> NDArray[np.float32]:
    """Return (N, 3), read-only: column, row and stride of each cell, level by level, row by row."""
    parts = []
    for stride, (rows, columns) in zip(strides, level_sizes(side, strides), strict=True):
        y, x = np.divmod(np.arange(rows * columns), columns)
        parts.append(np.stack([x, y, np.full_like(x, stride)], axis=1))
    grid = np.concatenate(parts).astype(np.float32)
    grid.flags.writeable = False
    return grid
