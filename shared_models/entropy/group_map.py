"""`GroupMap`: which coding pass carries which symbols.

Symbols (C, H, W) are seen as cells of 2x2 positions. A *member* is one channel at one position of its cell,
number channel * 4 + row * 2 + column, and a map gives each member the pass that codes it. On the grid of
cells every member is a plane, so that one convolution over planes looks at all that earlier passes have
coded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared_models.errors import ModelError

PASSES_MAX = 16
_PHASE_ORDER = ((0, 2), (3, 1))  # corners first, then the opposite ones, which they surround


@dataclass(frozen=True, slots=True)
class GroupMap:
    """passes (C, 2, 2) uint8: the pass that codes a channel at a row and column of its cell."""

    passes: NDArray[np.uint8]

    def __post_init__(self) -> None:
        """Raise ModelError unless the passes are numbered 0, 1, 2, … and each codes something."""
        if self.passes.ndim != 3 or self.passes.shape[1:] != (2, 2) or self.passes.dtype != np.uint8:
            raise ModelError(
                f"a group map is {self.passes.dtype} {self.passes.shape}: it must be uint8 (C, 2, 2)"
            )
        used = np.unique(self.passes)
        if not 1 <= len(used) <= PASSES_MAX or int(used[-1]) != len(used) - 1:
            raise ModelError(
                f"a group map names the passes {used.tolist()}: they must be 0, 1, 2, … up to {PASSES_MAX}"
            )

    @classmethod
    def by_position(cls, channels: int, leaders: NDArray[np.intp] | None = None) -> Self:
        """One pass each for the positions (0, 0), (1, 1), (0, 1) and (1, 0) of all channels.

        With `leaders`, every position takes two passes: these channels, and then the rest.
        """
        passes = np.broadcast_to(np.array(_PHASE_ORDER, np.uint8), (channels, 2, 2)).copy()
        if leaders is not None:
            passes = 2 * passes + 1
            passes[leaders] -= 1
        return cls(passes)

    @classmethod
    def by_band(cls, band_ends: Sequence[int], split_bands: int) -> Self:
        """One pass per band of channels, in order; `band_ends` are their exclusive ends, the last one C.

        Each of the first `split_bands` takes two: the positions (0, 0) and (1, 1), and then the others.
        """
        C = band_ends[-1]
        bands = np.searchsorted(np.array(band_ends), np.arange(C), side="right")
        halves = np.array([[0, 1], [1, 0]])
        is_split = bands < split_bands
        passes = bands + np.minimum(bands, split_bands)
        return cls((passes[:, None, None] + is_split[:, None, None] * halves).astype(np.uint8))

    @property
    def channels(self) -> int:
        """C."""
        return int(self.passes.shape[0])

    @property
    def pass_count(self) -> int:
        """Passes in all."""
        return int(self.passes.max()) + 1

    def members(self, number: int) -> NDArray[np.intp]:
        """Give the members that pass `number` codes, in the order in which it codes them."""
        return np.flatnonzero(self.passes.reshape(-1) == number)


def to_cells(symbols: NDArray[np.int16]) -> NDArray[np.int16]:
    """(C, H, W) -> (4C, ceil(H/2), ceil(W/2)): one plane per member, zero beyond the edges."""
    C, H, W = symbols.shape
    padded = np.pad(symbols, ((0, 0), (0, H % 2), (0, W % 2)))
    gh, gw = padded.shape[1] // 2, padded.shape[2] // 2
    cells = padded.reshape(C, gh, 2, gw, 2).transpose(0, 2, 4, 1, 3)  # (C, 2, 2, gh, gw)
    return np.ascontiguousarray(cells).reshape(4 * C, gh, gw)


def from_cells(cells: NDArray[np.int16], height: int, width: int) -> NDArray[np.int16]:
    """(4C, ceil(H/2), ceil(W/2)) -> (C, H, W): undo `to_cells`."""
    planes, gh, gw = cells.shape
    whole = cells.reshape(planes // 4, 2, 2, gh, gw).transpose(0, 3, 1, 4, 2)  # (C, gh, 2, gw, 2)
    return np.ascontiguousarray(whole.reshape(planes // 4, 2 * gh, 2 * gw)[:, :height, :width])


@lru_cache(maxsize=16)  # a camera's frames have one size
def inside_picture(height: int, width: int) -> NDArray[np.bool_]:
    """Give (4, ceil(H/2), ceil(W/2)): whether a position of a cell lies within H x W, and so is coded.

    It is read-only: every caller of one size is given the same array.
    """
    is_inside = to_cells(np.ones((1, height, width), np.int16)).astype(np.bool_)
    is_inside.flags.writeable = False
    return is_inside
