"""How features that a bridge makes on a picture's own grid come to the canvas that a model looks at.

A model sees a canvas: the picture scaled and moved, and a pad colour around it. A bridge works on the
picture's grid of latents, with a margin where the canvas goes on beyond the picture. One linear map an axis
carries its features over: cells of the canvas take the nearest cells of the picture, weighted as in bilinear
interpolation (with a wider tent where the canvas is coarser); all beyond the margin is what the model's front
makes of nothing but the pad colour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shared_models.tasks.input_convention import Placement

Side: TypeAlias = tuple[int, int]
Array: TypeAlias = NDArray[np.float32]

LATENT_STRIDE: Final = 16
MARGIN: Final = 2
"""Cells around the picture, at most, on which a bridge runs: how far its edge is seen in the pad."""
FRAME_PLANES: Final = 2
"""Channels beside the latents: how much of a cell is picture, and how much is canvas."""
_CACHED: Final = 256  # sizes of frames that are at work at the same time, and more


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a placement: canvas pixel = picture pixel × scale + offset."""

    picture_px: int
    canvas_px: int
    scale: float = 1.0
    offset: float = 0.0

    @property
    def cells(self) -> int:
        """Cells of latents that the picture has along this axis."""
        return -(-self.picture_px // LATENT_STRIDE)

    @property
    def margins(self) -> tuple[int, int]:
        """Cells of margin before and after the picture's: none where the canvas ends with it."""
        before = self.offset / self.scale
        after = (self.canvas_px - self.offset) / self.scale - LATENT_STRIDE * self.cells
        first, last = (int(np.clip(np.ceil(px / LATENT_STRIDE), 0, MARGIN)) for px in (before, after))
        return first, last

    def coverage(self) -> tuple[Array, Array]:
        """Return how much of each cell, margins included, is picture and how much is canvas: two (n,)."""
        before, after = self.margins
        edges = LATENT_STRIDE * np.arange(-before, self.cells + after + 1)
        low, high = -self.offset / self.scale, (self.canvas_px - self.offset) / self.scale
        return _overlap(edges, 0, self.picture_px), _overlap(edges, low, high)

    def weights(self, canvas_cells: int, source_cells: int) -> Array:
        """Return the map from a bridge's cells (margins included) to cells of the canvas, read-only.

        It is (canvas_cells, source_cells); a row sums to one, or to nothing beyond what the bridge made.
        """
        return _weights(self, canvas_cells, source_cells)

    def crop(self, canvas_cells: int, source_cells: int) -> tuple[int, int] | None:
        """Return which source cell the first cell of the canvas takes, and how many follow one by one.

        None where that is not all there is to it, because scale or offset ask for interpolation.
        """
        return _crop(self, canvas_cells, source_cells)


@dataclass(frozen=True, slots=True)
class FeaturePlacement:
    """A picture on a canvas: the axis of x (widths) and that of y (heights)."""

    x: Axis
    y: Axis

    @classmethod
    def of(cls, size: Side, canvas: Side, placement: Placement) -> Self:
        """Take width and height of picture and canvas, and how the model places the one on the other."""
        return cls(
            Axis(size[0], canvas[0], placement.scale_x, placement.left),
            Axis(size[1], canvas[1], placement.scale_y, placement.top),
        )

    def frame(self, latents: Array) -> Array:
        """(B, C, h, w) latents -> (B, C + 2, h', w') with the margins: the input of a bridge.

        Outside the picture latents are 0; the two more planes say what is picture and what is canvas.
        """
        planes = _frame_planes(self)
        batch, channels, height, width = latents.shape
        framed = np.zeros((batch, channels + FRAME_PLANES, *planes.shape[1:]), np.float32)
        top, left = self.y.margins[0], self.x.margins[0]
        framed[:, :channels, top : top + height, left : left + width] = latents
        framed[:, channels:] = planes
        return framed

    def place(self, features: Array, pad: Array) -> Array:
        """Features of a bridge (B, C, h', w') on the canvas of `pad` (C, H, W): (B, C, H, W)."""
        rows, columns = (pad.shape[1], features.shape[2]), (pad.shape[2], features.shape[3])
        y, x = self.y.crop(*rows), self.x.crop(*columns)
        if y is not None and x is not None:
            part = features[:, :, y[0] : y[0] + y[1], x[0] : x[0] + x[1]]
            if part.shape[1:] == pad.shape:
                return np.ascontiguousarray(part)
            canvas = np.broadcast_to(pad, (len(features), *pad.shape)).copy()
            canvas[:, :, : y[1], : x[1]] = part
            return canvas
        down, across = self.y.weights(*rows), self.x.weights(*columns)
        placed = np.matmul(down, np.matmul(features, across.T))
        is_beyond = 1 - np.outer(down.sum(axis=1), across.sum(axis=1))
        return np.asarray(placed + is_beyond * pad, np.float32)


@lru_cache(_CACHED)
def _frame_planes(placement: FeaturePlacement) -> Array:
    (picture_x, canvas_x), (picture_y, canvas_y) = placement.x.coverage(), placement.y.coverage()
    return np.stack([np.outer(picture_y, picture_x), np.outer(canvas_y, canvas_x)])


@lru_cache(_CACHED)
def _weights(axis: Axis, canvas_cells: int, source_cells: int) -> Array:
    before, after = axis.margins
    source_px = LATENT_STRIDE * (axis.cells + before + after) / source_cells
    canvas_px = axis.canvas_px / canvas_cells
    centres = ((np.arange(canvas_cells) + 0.5) * canvas_px - axis.offset) / axis.scale
    positions = (centres + LATENT_STRIDE * before) / source_px - 0.5  # in cells of the source
    reach = max(1.0, canvas_px / axis.scale / source_px)
    inner = np.clip(positions, 0, source_cells - 1)
    weights = np.clip(1 - np.abs(inner[:, None] - np.arange(source_cells)) / reach, 0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    weights[np.abs(positions - inner) > 0.5 * reach + 1e-9] = 0
    weights = np.ascontiguousarray(weights, np.float32)
    weights.flags.writeable = False
    return weights


@lru_cache(_CACHED)
def _crop(axis: Axis, canvas_cells: int, source_cells: int) -> tuple[int, int] | None:
    weights = _weights(axis, canvas_cells, source_cells)
    count = int((weights.sum(axis=1) > 0).sum())
    if not count:
        return None
    first = int(weights[0].argmax())
    is_plain = np.array_equal(weights[:count, first : first + count], np.eye(count, dtype=np.float32))
    return (first, count) if is_plain else None


def fit_pad(pad: Array, height: int, width: int) -> Array:
    """Bring features of a pad-coloured canvas (C, H, W) to another size: borders stay, the middle repeats."""
    rows, columns = _keep_borders(pad.shape[1], height), _keep_borders(pad.shape[2], width)
    return np.ascontiguousarray(pad[:, rows][:, :, columns])


def _keep_borders(have: int, want: int) -> Sequence[int]:
    middle = have // 2
    first = np.minimum(np.arange(want), middle)
    last = np.maximum(have - want + np.arange(want), middle)
    return list(np.where(np.arange(want) < (want + 1) // 2, first, last))


def _overlap(edges: NDArray[np.int64], low: float, high: float) -> Array:
    shared = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
    return np.asarray(np.clip(shared / LATENT_STRIDE, 0, 1), np.float32)
