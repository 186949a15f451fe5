"""Make large pictures tile by tile, so that memory grows with a tile and not with the picture.

Tiles overlap by more than the decoders' receptive fields reach, and only their middles are kept: the picture
is the one that a single run would have made, up to the order of float sums.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared_models.codecs.backend import Network
from shared_models.codecs.pictures import to_pixels
from shared_models.frames import Pixels

Array = NDArray[np.float32]

CELL_PX: Final = 16
"""Pixels a side of what one base latent stands for."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """Cells a side of what a tile adds to a picture, and of what it sees beyond that on each side."""

    tile_cells: int
    margin_cells: int


PREVIEW_TILING: Final = Tiling(48, 8)
"""A tile of 768 pixels: this decoder sees far, 152 pixels, of which the outer ones weigh next to nothing."""
FULL_TILING: Final = Tiling(16, 2)
"""A tile of 256 pixels: this decoder takes memory at half the picture's size, and sees 32 pixels."""


@dataclass(frozen=True, slots=True)
class Span:
    """Cells from `start` to `stop` that are kept, and from `low` to `high` that are looked at."""

    start: int
    stop: int
    low: int
    high: int


def spans(cells: int, tiling: Tiling) -> Iterator[Span]:
    """Divide a row of cells into tiles with margins; one that a margin would nearly cover is one tile."""
    tile, margin = tiling.tile_cells, tiling.margin_cells
    if cells <= tile + 2 * margin:
        yield Span(0, cells, 0, cells)
        return
    for start in range(0, cells, tile):
        stop = min(start + tile, cells)
        yield Span(start, stop, max(start - margin, 0), min(stop + margin, cells))


def run_decoder(  # noqa: PLR0917 - what runs, on what, and the size of what comes out
    network: Network,
    maps: Sequence[Array],
    constants: Sequence[Array],
    frame_width: int,
    frame_height: int,
    tiling: Tiling,
) -> Pixels:
    """Run a decoder on maps (1, C, h·k, w·k), each with its own whole k, and constants; return the picture.

    The first map has k = 1. The network's output is (1, 3, 16h, 16w), about [0, 1].
    """
    height, width = maps[0].shape[2:]
    picture = np.empty((frame_height, frame_width, 3), np.uint8)
    for rows in spans(height, tiling):
        for columns in spans(width, tiling):
            cut = [_cut(values, rows, columns, values.shape[2] // height) for values in maps]
            (tile,) = network.run(*cut, *constants)
            top, left = rows.start * CELL_PX, columns.start * CELL_PX
            bottom, right = min(rows.stop * CELL_PX, frame_height), min(columns.stop * CELL_PX, frame_width)
            inner = tile[:, :, (rows.start - rows.low) * CELL_PX :, (columns.start - columns.low) * CELL_PX :]
            picture[top:bottom, left:right] = to_pixels(inner, right - left, bottom - top)
    return picture


def _cut(values: Array, rows: Span, columns: Span, scale: int) -> Array:
    return np.ascontiguousarray(
        values[:, :, rows.low * scale : rows.high * scale, columns.low * scale : columns.high * scale]
    )
