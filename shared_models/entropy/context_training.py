"""The torch half of a context model: what is trained, and what it becomes in a package.

The forward pass computes with the very integers of the frozen model, so the bits it estimates are those that
will be sent, up to the shape of the tables, which are fitted to the residuals of the trained model at the
end.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shared_models.entropy.context import (
    FRACTION_BITS,
    INPUT_MAX,
    QUALITY_PLANES,
    QUALITY_ROWS,
    UnitTables,
    quality_planes,
)
from shared_models.entropy.gaussian_tables import ScaleLadder
from shared_models.entropy.group_map import GroupMap
from shared_models.entropy.integer_training import (
    HIDDEN,
    HIDDEN_UNIT,
    OutputRange,
    TrainedConv,
    TrainedLayers,
    floor_through,
)

LATENT_UNIT: Final = 16  # what a network sees of a latent one standard deviation from zero
MEAN_UNIT: Final = 16  # what it says for a mean one standard deviation from zero
ANSWER_MAX: Final = 127
# Of first, middle and last layers: int8 weights then reach 2, 1 and, for means, 0.5 (for levels, 8).
_SHIFTS: Final = (5, 7, 9)
_LIKELIHOOD_MIN: Final = 2.0**-18  # about what an escape costs
_PLANES: Final = np.stack([quality_planes(row) for row in range(QUALITY_ROWS)])


@dataclass(frozen=True, slots=True)
class PassDesign:
    """One pass with a network: the members it looks at, and its hidden layers as (kernel size, channels)."""

    inputs: NDArray[np.intp]
    hidden: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class ContextDesign:
    """Which pass codes what, given what. A pass without a design has static tables by quality."""

    group_map: GroupMap
    passes: tuple[PassDesign | None, ...]
    ladder: ScaleLadder = field(default_factory=ScaleLadder)


@dataclass(frozen=True, slots=True)
class ContextBatch:
    """Whole symbols as float: cells (B, 4C, gh, gw) and whole qualities rows (B,); the same of the condition.

    The condition is (B, C_0, gh, gw), the symbols that both sides have.
    """

    cells: Tensor
    rows: Tensor
    condition: Tensor | None = None
    condition_rows: Tensor | None = None


class TrainedContext(nn.Module):
    """The networks of all passes, with the integer tables that lead into their units and back."""

    scales: Tensor

    def __init__(
        self, design: ContextDesign, scales: NDArray[np.float64], condition_scales: NDArray[np.float64] | None
    ) -> None:
        """Take the deviations of unrounded symbols by quality and channel, (101, C), and the condition's."""
        super().__init__()
        self.design = design
        self.units = unit_tables(design.ladder, scales, condition_scales)
        self.networks = nn.ModuleDict()
        given = self.units.condition.shape[1] + QUALITY_PLANES if self.units.condition.shape[1] else 0
        for number, coding in enumerate(design.passes):
            if coding is not None:
                members = len(design.group_map.members(number))
                planes = len(coding.inputs) + given + QUALITY_PLANES
                self.networks[str(number)] = _layers(planes, coding.hidden, 2 * members)
        self.register_buffer("scales", torch.tensor(design.ladder.scales, dtype=torch.float32))

    def network(self, number: int) -> TrainedLayers | None:
        """Give the network of pass `number`, if it has one."""
        if str(number) not in self.networks:
            return None
        layers = self.networks[str(number)]
        assert isinstance(layers, TrainedLayers)
        return layers

    def parameters_of(self, number: int, batch: ContextBatch) -> tuple[Tensor, Tensor]:
        """Give levels (whole) and means (in symbols), each (B, members, gh, gw), of a pass with a network."""
        cells, rows, condition = batch.cells, batch.rows, batch.condition
        network, coding = self.network(number), self.design.passes[number]
        assert network is not None
        assert coding is not None
        members = self.design.group_map.members(number)
        planes = [self._seen(cells[:, coding.inputs], self._row(self.units.into, coding.inputs // 4, rows))]
        if condition is not None and batch.condition_rows is not None:
            channels = np.arange(self.units.condition.shape[1])
            planes += [
                self._seen(condition, self._row(self.units.condition, channels, batch.condition_rows)),
                _quality(batch.condition_rows, cells),
            ]
        answers = network(torch.cat([*planes, _quality(rows, cells)], dim=1))
        levels = answers[:, : len(members)] + self._row(self.units.level_offset, members // 4, rows)
        phases = 1 << self.design.ladder.mean_bits
        into_symbols = self._row(self.units.out_of, members // 4, rows) * 2.0**-FRACTION_BITS
        means = floor_through(answers[:, len(members) :] * into_symbols + 0.5) / phases
        return levels.clamp(0, self.design.ladder.levels - 1), means

    def bits(self, symbols: Tensor, levels: Tensor, means: Tensor) -> Tensor:
        """Estimate the bits of each symbol by its Gaussian."""
        ladder = self.design.ladder
        scale = ladder.lowest * torch.exp(levels * ladder.log_step)
        distance = (symbols - means).abs()  # the upper tail is the smaller one, and erfc keeps its digits
        root = scale * math.sqrt(2.0)
        likelihood = 0.5 * (torch.erfc((distance - 0.5) / root) - torch.erfc((distance + 0.5) / root))
        return -torch.log2(likelihood * (1.0 - _LIKELIHOOD_MIN) + _LIKELIHOOD_MIN)

    def forward(self, batch: ContextBatch) -> dict[int, Tensor]:
        """Give the estimated bits (B, members, gh, gw) of every pass that has a network."""
        estimates = {}
        for number, coding in enumerate(self.design.passes):
            if coding is not None:
                levels, means = self.parameters_of(number, batch)
                members = self.design.group_map.members(number)
                estimates[number] = self.bits(batch.cells[:, members], levels, means)
        return estimates

    def _row(self, table: NDArray[np.generic], channels: NDArray[np.intp], rows: Tensor) -> Tensor:
        """Give the entries of a (101, C) table for (B,) rows, as (B, channels, 1, 1)."""
        picked = torch.from_numpy(table[:, channels].astype(np.float32)).to(rows.device)
        return picked[rows][:, :, None, None]

    @staticmethod
    def _seen(symbols: Tensor, multipliers: Tensor) -> Tensor:
        # In float64 the products of int16 symbols and int32 multipliers are exact, as in the integer model.
        units = torch.floor(symbols.double() * multipliers.double() * 2.0**-FRACTION_BITS + 0.5)
        return units.clamp(-INPUT_MAX, INPUT_MAX).float()


def unit_tables(
    ladder: ScaleLadder, scales: NDArray[np.float64], condition_scales: NDArray[np.float64] | None
) -> UnitTables:
    """Make the integer tables for symbols whose deviations, before rounding, are `scales` (101, C)."""
    one = 1 << FRACTION_BITS
    phases = 1 << ladder.mean_bits
    given = np.empty((QUALITY_ROWS, 0)) if condition_scales is None else condition_scales
    offset = np.rint(np.log(scales / ladder.lowest) / ladder.log_step)
    return UnitTables(
        into=np.rint(one * LATENT_UNIT / scales).astype(np.int32),
        out_of=np.rint(one * scales * phases / MEAN_UNIT).astype(np.int32),
        level_offset=offset.astype(np.int16),
        condition=np.rint(one * LATENT_UNIT / given).astype(np.int32),
    )


def _layers(planes: int, hidden: Sequence[tuple[int, int]], answers: int) -> TrainedLayers:
    """Chain `hidden` and a last 1x1 layer that gives levels and then means."""
    convolutions: list[TrainedConv] = []
    channels, unit, shift = planes, LATENT_UNIT, _SHIFTS[0]
    for kernel_size, width in hidden:
        convolutions.append(TrainedConv((channels, width), kernel_size, unit, HIDDEN, shift))
        channels, unit, shift = width, HIDDEN_UNIT, _SHIFTS[1]
    convolutions.append(_AnswerConv(channels, answers))
    return TrainedLayers(convolutions, -INPUT_MAX, INPUT_MAX)


class _AnswerConv(TrainedConv):
    """The last layer: the first half of its channels are levels in whole steps, the rest means."""

    units: Tensor

    def __init__(self, channels: int, answers: int) -> None:
        answer = OutputRange(1, -ANSWER_MAX - 1, ANSWER_MAX)
        super().__init__((channels, answers), 1, HIDDEN_UNIT, answer, _SHIFTS[2])
        units = torch.ones(answers)
        units[answers // 2 :] = MEAN_UNIT
        self.register_buffer("units", units)
        nn.init.zeros_(self.weight)
        with torch.no_grad():
            self.bias[: answers // 2] = 0.5  # a floor then gives the offset's own level

    def _integers(self) -> tuple[Tensor, Tensor]:
        weight = self.weight * self.units[:, None, None, None]
        return self._rounded(weight, self.bias * self.units)


def _quality(rows: Tensor, like: Tensor) -> Tensor:
    """(B,) whole qualities -> (B, 5, gh, gw): the planes of `quality_planes`."""
    planes = torch.from_numpy(_PLANES).to(like)[rows][:, :, None, None]
    return planes.expand(-1, -1, *like.shape[2:])
