"""Symbols to payload bytes and back, pass by pass, under a `ContextModel`."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared_models.entropy.context import (
    QUALITY_PLANES,
    ContextModel,
    quality_planes,
    quality_row,
    to_latent_units,
)
from shared_models.entropy.group_map import from_cells, inside_picture, to_cells
from shared_models.entropy.rans import RansDecoder, RansEncoder
from shared_models.errors import LimitError, ModelError


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
        self._inside = inside_picture(height, width)
        self._into = np.repeat(model.units.into[self._row], 4)  # (4C,): per member
        grid = self._inside.shape[1:]
        self.cells = np.zeros((4 * model.channels, *grid), np.int16)
        self._seen = np.zeros(self.cells.shape, np.int8)
        self._given = _given(model, condition, grid)
        self._is_whole = bool(self._inside.all())

    def parameters(self, number: int) -> tuple[NDArray[np.uint16], NDArray[np.int16]]:
        """Give the rows of table indices and means for the symbols of a pass that lie inside the picture."""
        indices, means = self._model.parameters(number, self._seen, self._given, self._row)
        if self._is_whole:
            return indices.reshape(-1), means.reshape(-1)
        is_coded = self._is_coded(number)
        return indices[is_coded], means[is_coded]

    def select(self, number: int, cells: NDArray[np.int16]) -> NDArray[np.int16]:
        """Give the row of a pass's symbols from `cells` (4C, gh, gw)."""
        planes = cells[self._model.passes[number].members]
        return planes.reshape(-1) if self._is_whole else planes[self._is_coded(number)]

    def accept(self, number: int, symbols: NDArray[np.int16]) -> None:
        """Take the row of a pass's symbols, which later passes may look at."""
        members = self._model.passes[number].members
        planes = np.zeros((len(members), *self._inside.shape[1:]), np.int16)
        if self._is_whole:
            planes = symbols.reshape(planes.shape)
        else:
            planes[self._is_coded(number)] = symbols
        self.cells[members] = planes
        self._seen[members] = to_latent_units(planes, self._into[members])

    def _is_coded(self, number: int) -> NDArray[np.bool_]:
        return self._inside[self._model.passes[number].members % 4]


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
