"""`TableSet`: the integer probability tables of one model, as stored in its package and read by the coder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from shared_models.entropy.cdf import TOTAL
from shared_models.entropy.stored_arrays import stored_array
from shared_models.errors import ModelError

TABLES_MAX = 1 << 16  # a table index is uint16
SLOTS_MAX = 1 << 12  # slots of one table; a wider symbol is an escape
BUCKETS = 256  # first guesses per table: the high byte of a count


@dataclass(frozen=True, slots=True)
class Table:
    """One table: cumulative counts, the symbol of the first slot, and whether its zero is taken for granted.

    The last slot is the escape: a symbol outside the table follows in raw bits.
    """

    cumulative: NDArray[np.uint32]
    minimum: int
    is_certain: bool = False


@dataclass(frozen=True, slots=True)
class TableSet:
    """Tables laid end to end, ready for the coder.

    cumulative (sum of slots + 1,) uint32, offsets (tables + 1,) uint32, minimum (tables,) int16: the symbol
    of the first slot. certain (tables,) uint8: 1 where a symbol is zero almost surely, and so is never coded.
    first_slot (tables, 256) uint16 is derived: the slot that holds the count `byte << 8`.
    """

    cumulative: NDArray[np.uint32]
    offsets: NDArray[np.uint32]
    minimum: NDArray[np.int16]
    certain: NDArray[np.uint8]
    first_slot: NDArray[np.uint16]

    @classmethod
    def from_tables(cls, tables: Sequence[Table]) -> Self:
        """Lay `tables` end to end; raise ModelError if one of them is not a table."""
        lengths = [len(table.cumulative) for table in tables]
        return cls.from_arrays(
            {
                "cumulative": np.concatenate([table.cumulative for table in tables]).astype(np.uint32),
                "offsets": np.concatenate([[0], np.cumsum(lengths)]).astype(np.uint32),
                "minimum": np.array([table.minimum for table in tables], np.int16),
                "certain": np.array([table.is_certain for table in tables], np.uint8),
            }
        )

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take what `to_arrays` gave, from a file; raise ModelError if it does not hold valid tables."""
        cumulative = stored_array(arrays, "cumulative", np.uint32, (None,))
        offsets = stored_array(arrays, "offsets", np.uint32, (None,))
        minimum = stored_array(arrays, "minimum", np.int16, (None,))
        certain = stored_array(arrays, "certain", np.uint8, (None,))
        _check(cumulative, offsets, minimum, certain)
        return cls(cumulative, offsets, minimum, certain, _first_slots(cumulative, offsets))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Give the arrays that a package stores; `from_arrays` takes them back."""
        return {
            "cumulative": self.cumulative,
            "offsets": self.offsets,
            "minimum": self.minimum,
            "certain": self.certain,
        }

    def __len__(self) -> int:
        return len(self.minimum)

    def table(self, index: int) -> Table:
        """Give table `index` by itself."""
        begin, end = int(self.offsets[index]), int(self.offsets[index + 1])
        return Table(self.cumulative[begin:end], int(self.minimum[index]), bool(self.certain[index]))


def _check(
    cumulative: NDArray[np.uint32],
    offsets: NDArray[np.uint32],
    minimum: NDArray[np.int16],
    certain: NDArray[np.uint8],
) -> None:
    """Raise ModelError unless every table is one the coder can read without a bounds check per symbol."""
    tables = len(minimum)
    if not 1 <= tables <= TABLES_MAX or len(offsets) != tables + 1 or len(certain) != tables:
        raise ModelError(
            f"the entropy tables are damaged: {tables} minima, {len(offsets)} offsets, {len(certain)} flags"
        )
    lengths = np.diff(offsets.astype(np.int64))
    if (
        offsets[0] != 0
        or offsets[-1] != len(cumulative)
        or lengths.min() < 3
        or lengths.max() > SLOTS_MAX + 1
    ):
        raise ModelError(
            f"the entropy tables are damaged: offsets must rise by 3 to {SLOTS_MAX + 1} counts a table"
        )
    steps = np.diff(cumulative.astype(np.int64))
    is_inside = np.ones(len(steps), np.bool_)
    is_inside[offsets[1:-1].astype(np.int64) - 1] = False
    first, last = cumulative[offsets[:-1]], cumulative[offsets[1:].astype(np.int64) - 1]
    damaged = np.flatnonzero((first != 0) | (last != TOTAL))
    if damaged.size or (steps[is_inside] < 1).any():
        which = f"table {damaged[0]}" if damaged.size else "a table"
        raise ModelError(f"the entropy tables are damaged: {which} does not rise from 0 to {TOTAL}")
    if (certain > 1).any():
        raise ModelError("the entropy tables are damaged: a `certain` flag is neither 0 nor 1")


def _first_slots(cumulative: NDArray[np.uint32], offsets: NDArray[np.uint32]) -> NDArray[np.uint16]:
    """Give, per table and high byte, the slot of the byte's first count: where a decoder's search begins."""
    starts = np.arange(BUCKETS, dtype=np.uint32) * (TOTAL // BUCKETS)
    bounds = offsets.astype(np.int64)
    rows = [
        np.searchsorted(cumulative[begin : end - 1], starts, side="right") - 1
        for begin, end in pairwise(bounds)
    ]
    return np.stack(rows).astype(np.uint16)
