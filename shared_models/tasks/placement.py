"""Where a picture lies on the canvas that a model looks at, and how features follow it there.

A model sees a canvas: the picture scaled and moved, and a pad colour around it. A bridge makes features on
the picture's own grid of latents. One linear map an axis carries them over: cells of the canvas take the
nearest cells of the picture, weighted as in bilinear interpolation (with a wider tent where the canvas is
coarser), and what lies beyond fades into what the model makes of a canvas of nothing but the pad colour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float32]

LATENT_STRIDE: Final = 16
MARGIN: Final = 2
"""Cells of latents around the picture on which a bridge runs: how far its border reaches into the pad."""
FRAME_PLANES: Final = 2
"""Channels beside the latents: how much of a cell is picture, and how much is canvas."""


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

    def coverage(self) -> tuple[Array, Array]:
        """Return how much of each cell, margin included, is picture and how much is canvas: two (n,)."""
        edges = LATENT_STRIDE * np.arange(-MARGIN, self.cells + MARGIN + 1)
        low, high = -self.offset / self.scale, (self.canvas_px - self.offset) / self.scale
        return _overlap(edges, 0, self.picture_px), _overlap(edges, low, high)

    def weights(self, canvas_cells: int, source_cells: int) -> Array:
        """Return the map from a bridge's cells (margin included) to cells of the canvas.

        It is (canvas_cells, source_cells); a row sums to one on the picture, to less towards what the
        bridge did not make, to nothing beyond.
        """
        source_px = LATENT_STRIDE * (self.cells + 2 * MARGIN) / source_cells
        canvas_px = self.canvas_px / canvas_cells
        centres = ((np.arange(canvas_cells) + 0.5) * canvas_px - self.offset) / self.scale
        positions = (centres + LATENT_STRIDE * MARGIN) / source_px - 0.5  # in cells of the source
        reach = max(1.0, canvas_px / self.scale / source_px)
        beyond = int(np.ceil(reach))
        columns = np.arange(-beyond, source_cells + beyond)
        # cells far outside still get the whole sum of a tent, so that normalising leaves them nothing
        inner = np.clip(positions, -1, source_cells)
        tent = np.clip(1 - np.abs(inner[:, None] - columns) / reach, 0, None)
        weights = tent / tent.sum(axis=1, keepdims=True)
        weights[np.abs(positions - inner) > 0] = 0
        return np.ascontiguousarray(weights[:, beyond : beyond + source_cells], np.float32)


@dataclass(frozen=True, slots=True)
class Placement:
    """A picture on a canvas: the axis of x (widths) and that of y (heights)."""

    x: Axis
    y: Axis

    def frame(self, latents: Array) -> Array:
        """(B, C, h, w) latents -> (B, C + 2, h + 2 MARGIN, w + 2 MARGIN): the input of a bridge.

        Outside the picture latents are 0; the two more planes say what is picture and what is canvas.
        """
        ring = ((0, 0), (0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN))
        (picture_x, canvas_x), (picture_y, canvas_y) = self.x.coverage(), self.y.coverage()
        planes = np.stack([np.outer(picture_y, picture_x), np.outer(canvas_y, canvas_x)])
        repeated = np.broadcast_to(planes, (len(latents), *planes.shape))
        return np.concatenate([np.pad(latents, ring), repeated], axis=1, dtype=np.float32)

    def place(self, features: Array, pad: Array) -> Array:
        """Features of a bridge (B, C, h', w') on the canvas of `pad` (C, H, W): (B, C, H, W)."""
        rows = self.y.weights(pad.shape[1], features.shape[2])
        columns = self.x.weights(pad.shape[2], features.shape[3])
        placed = np.matmul(rows, np.matmul(features, columns.T))
        rest = 1 - np.outer(rows.sum(axis=1), columns.sum(axis=1))
        return np.asarray(placed + rest * pad, np.float32)

    def corners_in_picture(self, corners: Array) -> Array:
        """(N, 4) boxes x_min, y_min, x_max, y_max in pixels of the canvas -> in pixels of the picture."""
        offset = np.array([self.x.offset, self.y.offset] * 2)
        scale = np.array([self.x.scale, self.y.scale] * 2)
        return np.asarray((corners - offset) / scale, np.float32)


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
