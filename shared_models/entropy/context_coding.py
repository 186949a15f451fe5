"""Symbols to payload bytes and back, pass by pass, under a `ContextModel`."""

import math
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from shared_models.entropy.context import (
    QUALITY_PLANES,
    ContextModel,
    quality_planes,
    quality_row,
    to_latent_units,
)
from shared_models.entropy.context_kernels import place_symbols, take_symbols
from shared_models.entropy.group_map import from_cells, inside_picture, to_cells
from shared_models.entropy.rans import RansDecoder, RansEncoder
from shared_models.errors import LimitError, ModelError

Cell = TypeVar("Cell", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Condition:
    """Symbols that both sides already have, (C_0, H/2, W/2) int16, and the quality code they were made at."""

    symbols: NDArray[np.int16]
    quality_code: int


class Coded(NamedTuple):
    """Payload bytes, and the symbols (C, H, W) int16 that a decoder will take from them.

    The symbols differ from the encoder's only where the model holds a symbol for certain: there they are its
    mean.
    """

    payload: bytes
    symbols: NDArray[np.int16]


def encode_symbols(
    model: ContextModel, symbols: NDArray[np.int16], condition: Condition | None, quality_code: int
) -> Coded:
    """Code `symbols` (C, H, W) int16 given `condition`; raise ModelError if the shapes do not fit."""
    if (
        symbols.dtype != np.int16
        or symbols.ndim != 3
        or symbols.shape[0] != model.channels
        or not symbols.size
    ):
        raise ModelError(
            f"symbols {symbols.dtype} {symbols.shape} do not fit the context model: "
            f"it codes int16 ({model.channels}, H, W)"
        )
    _, height, width = symbols.shape
    coder = RansEncoder(model.tables)
    progress = _Progress(model, height, width, condition, quality_code)
    wanted = to_cells(symbols)
    for number in range(len(model.passes)):
        indices, means = progress.parameters(number)
        progress.accept(number, coder.push(progress.select(number, wanted), indices, means))
    return Coded(coder.flush(), from_cells(progress.cells, height, width))


def decode_symbols(  # noqa: PLR0917 - the bytes, what they depend on, and a limit
    model: ContextModel,
    payload: bytes,
    shape: tuple[int, int, int],
    condition: Condition | None,
    quality_code: int,
    symbols_max: int,
) -> NDArray[np.int16]:
    """Decode symbols of `shape` (C, H, W) given `condition`.

    Raises LimitError before anything is allocated if there are more than `symbols_max`, TruncatedError or
    MalformedError if no encoder wrote `payload`, ModelError if the shapes are not the model's.
    """
    channels, height, width = shape
    if min(shape) < 1 or channels != model.channels:
        raise ModelError(f"shape {shape} does not fit the context model: it codes ({model.channels}, H, W)")
    if math.prod(shape) > symbols_max:
        raise LimitError(f"{math.prod(shape)} symbols are beyond the limit of {symbols_max}")
    coder = RansDecoder(model.tables, payload)
    progress = _Progress(model, height, width, condition, quality_code)
    for number in range(len(model.passes)):
        progress.accept(number, coder.decode(*progress.parameters(number)))
    coder.finish()
    return from_cells(progress.cells, height, width)


class _Progress:
    """What both sides know after some passes; encoder and decoder run the same code on it."""

    def __init__(
        self, model: ContextModel, height: int, width: int, condition: Condition | None, quality_code: int
    ) -> None:
        self._model = model
        self._row = quality_row(quality_code)
        self._inside = inside_picture(height, width)  # (4, gh, gw)
        grid = self._inside.shape[1:]
        common = _common(model, condition, self._row, grid)
        self.cells = np.zeros((4 * model.channels, *grid), np.int16)
        self._planes = np.zeros((len(self.cells) + len(common), *grid), np.float32)
        self._planes[len(self.cells) :] = common

    def parameters(self, number: int) -> tuple[NDArray[np.uint16], NDArray[np.int16]]:
        """Give the rows of table indices and means for the symbols of a pass that lie inside the picture."""
        return self._model.parameters(number, self._planes, self._inside, self._row)

    def select(self, number: int, cells: NDArray[np.int16]) -> NDArray[np.int16]:
        """Give the row of a pass's symbols from `cells` (4C, gh, gw)."""
        members, inside = self._model.passes[number].members, _flat(self._inside)
        symbols = np.empty(int(inside.sum(axis=1)[members % len(inside)].sum()), np.int16)
        take_symbols(_flat(cells), members, inside, symbols)
        return symbols

    def accept(self, number: int, symbols: NDArray[np.int16]) -> None:
        """Take the row of a pass's symbols, which later passes may look at."""
        members, into = self._model.passes[number].members, self._model.units.into[self._row]
        place_symbols(symbols, members, _flat(self._inside), into, _flat(self.cells), _flat(self._planes))


def _flat(planes: NDArray[Cell]) -> NDArray[Cell]:
    """(N, gh, gw) -> (N, gh * gw), the same memory."""
    return planes.reshape(len(planes), -1)


def _common(
    model: ContextModel, condition: Condition | None, row: int, grid: tuple[int, ...]
) -> NDArray[np.int8]:
    """Give the planes that every pass sees, after the members': the condition's and the quality's."""
    planes = np.broadcast_to(quality_planes(row)[:, None, None], (QUALITY_PLANES, *grid))
    return np.concatenate([_given(model, condition, grid), planes])


def _given(model: ContextModel, condition: Condition | None, grid: tuple[int, ...]) -> NDArray[np.int8]:
    """Give the planes of the condition, (C_0 + 5, gh, gw), or none."""
    channels = model.condition_channels
    if condition is None:
        if channels:
            raise ModelError(f"the context model needs the {channels} channels its symbols are coded given")
        return np.empty((0, *grid), np.int8)
    if condition.symbols.shape != (channels, *grid):
        raise ModelError(
            f"condition {condition.symbols.shape} does not fit the context model: ({channels}, *{grid})"
        )
    row = quality_row(condition.quality_code)
    planes = np.broadcast_to(quality_planes(row)[:, None, None], (QUALITY_PLANES, *grid))
    return np.concatenate([to_latent_units(condition.symbols, model.units.condition[row]), planes])
