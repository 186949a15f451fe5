"""`ContextModel`: from what was coded before, a table index and an integer mean for every symbol of a pass.

Networks live in *latent units*, in which a channel looks alike at every quality; integer tables with one row
per whole quality (0 to 100) translate symbols into these units and the networks' answers back into symbols.
Nothing here is a float, so encoder and decoder agree to the bit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared_models.entropy import context_kernels
from shared_models.entropy.group_map import GroupMap
from shared_models.entropy.integer_layers import IntegerLayers
from shared_models.entropy.integer_network import IntegerNetwork, OnnxRuntime
from shared_models.entropy.known_answers import KnownAnswers
from shared_models.entropy.stored_arrays import stored_array, under
from shared_models.entropy.tables import TABLES_MAX, TableSet
from shared_models.errors import BackendError, MalformedError, ModelError

FORMAT_VERSION: Final = 1
QUALITY_ROWS: Final = 101
QUALITY_STEPS: Final = 32  # codes per unit of quality
QUALITY_CODE_MAX: Final = (QUALITY_ROWS - 1) * QUALITY_STEPS
FRACTION_BITS: Final = context_kernels.FRACTION_BITS
INPUT_MAX: Final = context_kernels.INPUT_MAX
_ROUND: Final = 1 << FRACTION_BITS - 1  # half a unit, so that a shift rounds
QUALITY_PLANES: Final = 5
_INSIDE: Final = 64  # a constant plane: zero padding around it shows a network where the picture ends


@dataclass(frozen=True, slots=True)
class StoredContext:
    """What a package keeps of a context model; keys carry the model's name, so that several can be merged.

    tables: integer arrays `NAME/...` and `NAME_PASS/...`; networks: ONNX by file name, `NAME_PASS.onnx`;
    known_answers: integer arrays `NAME_PASS/...`.
    """

    tables: dict[str, NDArray[Any]]
    networks: dict[str, bytes]
    known_answers: dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class UnitTables:
    """Integers per whole quality and channel that lead into latent units and back.

    into (101, C) int32: symbol -> network input, in 2^-12. out_of (101, C) int32: network mean -> fractions
    of a symbol, in 2^-12. level_offset (101, C) int16 is added to the network's scale level. condition (101,
    C_0) int32: like `into`, for the symbols that are given.
    """

    into: NDArray[np.int32]
    out_of: NDArray[np.int32]
    level_offset: NDArray[np.int16]
    condition: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class CodingPass:
    """One pass: the members it codes and where their parameters come from.

    With a network, `planes` are what it sees: members of earlier passes, what is given, the quality. Without
    one, static_index (101, members) uint16 holds the tables by quality, and every mean is zero.
    """

    members: NDArray[np.intp]
    planes: NDArray[np.intp]
    network: IntegerNetwork | None
    static_index: NDArray[np.uint16] | None


@dataclass(frozen=True, slots=True)
class ContextModel:
    """The probability model of one layer of the codec, ready to code with."""

    group_map: GroupMap
    tables: TableSet
    units: UnitTables
    levels: int
    mean_bits: int
    first_table: int
    passes: tuple[CodingPass, ...]
    refused: tuple[BackendError, ...] = field(default=())

    @classmethod
    def load(
        cls,
        name: str,
        tables: Mapping[str, NDArray[Any]],
        networks: Mapping[str, bytes],
        known_answers: Mapping[str, NDArray[Any]],
        backend: OnnxRuntime | None = None,
    ) -> Self:
        """Take model `name` from a package's arrays and files, to run on `backend` or else exactly here.

        `refused` lists what missed a known answer. Raises ModelError if the model is damaged.
        """
        own = under(tables, name)
        group_map = GroupMap(stored_array(own, "group_map", np.uint8, (None, 2, 2)))
        version, levels, mean_bits, first_table = stored_array(own, "settings", np.int32, (4,)).tolist()
        if version != FORMAT_VERSION:
            raise ModelError(f"context model {name} has format {version}: this build knows {FORMAT_VERSION}")
        table_set = TableSet.from_arrays(under(own, "tables"))
        if not (0 < levels <= TABLES_MAX and 0 <= mean_bits <= 4 and first_table >= 0):
            raise ModelError(
                f"context model {name} has damaged settings: {levels} levels, {mean_bits} mean bits"
            )
        if first_table + (levels << mean_bits) > len(table_set):
            raise ModelError(f"context model {name} needs more tables than its {len(table_set)}")
        units = _units(own, group_map.channels)
        passes: list[CodingPass] = []
        for number in range(group_map.pass_count):
            label = f"{name}_{number}"
            network = _network(label, tables, networks, known_answers, backend)
            own = under(tables, label)
            if network is None:
                coding = _static_pass(label, own, group_map.members(number), len(table_set))
            else:
                common = _given_planes(units) + QUALITY_PLANES
                planes = _planes(label, own, group_map, number, common)
                coding = CodingPass(group_map.members(number), planes, network, None)
                _check_fit(label, network, len(planes), len(coding.members))
            passes.append(coding)
        outcomes = [coding.network.refused for coding in passes if coding.network is not None]
        refused = tuple(error for error in outcomes if error is not None)
        return cls(group_map, table_set, units, levels, mean_bits, first_table, tuple(passes), refused)

    @property
    def channels(self) -> int:
        """Channels of the symbols it codes."""
        return self.group_map.channels

    @property
    def condition_channels(self) -> int:
        """Channels of the symbols that must be given; 0 if none."""
        return int(self.units.condition.shape[1])

    def parameters(
        self, number: int, planes: NDArray[np.float32], inside: NDArray[np.bool_], row: int
    ) -> tuple[NDArray[np.uint16], NDArray[np.int16]]:
        """Give the rows of table indices and means for pass `number` at quality row `row`.

        planes (4C + given + 5, gh, gw): coded members in latent units, the others anything, then what is
        given, then the quality's constants; all of them integers. inside (4, gh, gw): the positions that are
        coded.
        """
        coding = self.passes[number]
        members, cells = coding.members, inside.reshape(len(inside), -1)
        if coding.network is None:
            assert coding.static_index is not None
            indices = np.repeat(coding.static_index[row], cells.sum(axis=1)[members % len(inside)])
            return indices, np.zeros(indices.shape, np.int16)
        answers = coding.network.run(planes[coding.planes][np.newaxis])  # (1, 2 * members, gh, gw)
        room = len(members) * cells.shape[1]
        indices, means = np.empty(room, np.uint16), np.empty(room, np.int16)
        count = context_kernels.read_answers(
            answers.reshape(2 * len(members), -1),
            members,
            cells,
            self.units.level_offset[row],
            self.units.out_of[row],
            self.levels,
            self.mean_bits,
            self.first_table,
            indices,
            means,
        )
        return indices[:count], means[:count]


def quality_row(quality_code: int) -> int:
    """Give the row of the unit tables nearest to a quality code; raise MalformedError beyond 0..3200."""
    if not 0 <= quality_code <= QUALITY_CODE_MAX:
        raise MalformedError(f"quality code {quality_code} is beyond 0..{QUALITY_CODE_MAX}")
    return (quality_code + QUALITY_STEPS // 2) // QUALITY_STEPS


def quality_planes(row: int) -> NDArray[np.int8]:
    """Give the constants (5,) by which a network knows the quality: a bias and hinges at 0, 25, 50 and 75."""
    planes = [_INSIDE, row, *(max(row - knot, 0) for knot in (25, 50, 75))]
    return np.array(planes, np.int8)


def to_latent_units(symbols: NDArray[np.int16], multipliers: NDArray[np.int32]) -> NDArray[np.int8]:
    """(N, gh, gw) symbols times (N,) multipliers in 2^-12, rounded and clipped to what a network sees."""
    scaled = symbols.astype(np.int64) * multipliers.astype(np.int64)[:, None, None]
    units = scaled + _ROUND >> FRACTION_BITS
    clipped: NDArray[np.int8] = np.clip(units, -INPUT_MAX, INPUT_MAX).astype(np.int8)
    return clipped


def _units(arrays: Mapping[str, NDArray[Any]], channels: int) -> UnitTables:
    shape = (QUALITY_ROWS, channels)
    condition = stored_array(arrays, "condition", np.int32, (QUALITY_ROWS, None))
    return UnitTables(
        into=stored_array(arrays, "into", np.int32, shape),
        out_of=stored_array(arrays, "out_of", np.int32, shape),
        level_offset=stored_array(arrays, "level_offset", np.int16, shape),
        condition=condition,
    )


def _network(
    label: str,
    tables: Mapping[str, NDArray[Any]],
    networks: Mapping[str, bytes],
    known_answers: Mapping[str, NDArray[Any]],
    backend: OnnxRuntime | None,
) -> IntegerNetwork | None:
    arrays = under(tables, f"{label}/network")
    if not arrays:
        return None
    model = networks.get(f"{label}.onnx")
    if model is None:
        raise ModelError(f"the package lacks {label}.onnx: it is incomplete")
    answers = KnownAnswers.from_arrays(under(known_answers, label))
    return IntegerNetwork(IntegerLayers.from_arrays(arrays), model, answers, backend, label)


def _static_pass(
    label: str, arrays: Mapping[str, NDArray[Any]], members: NDArray[np.intp], table_count: int
) -> CodingPass:
    index = stored_array(arrays, "static_index", np.uint16, (QUALITY_ROWS, len(members)))
    if int(index.max()) >= table_count:
        raise ModelError(
            f"pass {label} names table {int(index.max())} of {table_count}: the package is damaged"
        )
    return CodingPass(members, np.empty(0, np.intp), None, index)


def _planes(
    label: str, arrays: Mapping[str, NDArray[Any]], group_map: GroupMap, number: int, common: int
) -> NDArray[np.intp]:
    """Give the planes that pass `number` sees: its own members', then the `common` ones that follow all."""
    inputs = stored_array(arrays, "inputs", np.uint16, (None,)).astype(np.intp)
    passes = group_map.passes.reshape(-1)
    if inputs.size and int(inputs.max()) >= len(passes):
        raise ModelError(f"pass {label} looks at member {int(inputs.max())} of {len(passes)}")
    if (passes[inputs] >= number).any():
        raise ModelError(
            f"pass {label} looks at symbols that are not coded before it: the package is damaged"
        )
    return np.concatenate([inputs, len(passes) + np.arange(common)])


def _check_fit(label: str, network: IntegerNetwork, planes: int, members: int) -> None:
    wanted = (planes, 2 * members)
    found = (network.layers.input_channels, network.layers.output_channels)
    if found != wanted:
        raise ModelError(
            f"network {label} goes from {found[0]} to {found[1]} channels, not {wanted[0]} to {wanted[1]}"
        )


def _given_planes(units: UnitTables) -> int:
    """Planes of what is given: its symbols and, since it has a quality of its own, its quality planes."""
    channels = int(units.condition.shape[1])
    return channels + QUALITY_PLANES if channels else 0
