"""The loops between an integer network and the entropy coder, fused: one walk over a pass, no copies between.

A pass's symbols stand in rows: member after member, and of each member the cells that lie inside the picture.
All arithmetic is on integers; float32 only carries them into a network, and holds them exactly. Loops are
plain so that numba compiles them; they release the interpreter lock and index without bounds checks, so that
their callers see to the sizes.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

FRACTION_BITS: Final = 12  # of the multipliers into and out of latent units
INPUT_MAX: Final = 127  # magnitude of what a network sees
POSITIONS: Final = 4  # of a cell


@njit(cache=True, nogil=True, error_model="numpy")
def read_answers(  # noqa: PLR0917 - numba takes arrays, not objects
    answers: NDArray[np.int32],
    members: NDArray[np.intp],
    inside: NDArray[np.bool_],
    level_offset: NDArray[np.int16],
    out_of: NDArray[np.int32],
    levels: int,
    mean_bits: int,
    first_table: int,
    indices: NDArray[np.uint16],
    means: NDArray[np.int16],
) -> int:
    """Turn a network's answers (2 * members, cells) into rows of table indices and means; give their length.

    inside (4, cells); level_offset and out_of (C,): those of one quality. `indices` and `means` have room.
    """
    count = len(members)
    half = 1 << (FRACTION_BITS - 1)
    limit = 1 << (14 + mean_bits)
    ones = (1 << mean_bits) - 1
    n = 0
    for k in range(count):
        channel = members[k] // POSITIONS
        position = members[k] % POSITIONS
        offset = int(level_offset[channel])
        scale = int(out_of[channel])
        for cell in range(answers.shape[1]):
            if inside[position, cell]:
                level = int(answers[k, cell]) + offset
                level = 0 if level < 0 else levels - 1 if level >= levels else level
                mean = (int(answers[count + k, cell]) * scale + half) >> FRACTION_BITS
                mean = -limit if mean < -limit else limit if mean > limit else mean
                indices[n] = first_table + (level << mean_bits) + (mean & ones)
                means[n] = mean >> mean_bits
                n += 1
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def place_symbols(  # noqa: PLR0917 - as above
    symbols: NDArray[np.int16],
    members: NDArray[np.intp],
    inside: NDArray[np.bool_],
    into: NDArray[np.int32],
    cells: NDArray[np.int16],
    seen: NDArray[np.float32],
) -> None:
    """Write a pass's row into `cells` (4C, cells), zero outside, and in latent units into `seen` likewise.

    into (C,): multipliers in 2^-12, those of one quality.
    """
    half = 1 << (FRACTION_BITS - 1)
    n = 0
    for k in range(len(members)):
        member = members[k]
        multiplier = int(into[member // POSITIONS])
        for cell in range(cells.shape[1]):
            symbol = np.int16(0)
            if inside[member % POSITIONS, cell]:
                symbol = symbols[n]
                n += 1
            cells[member, cell] = symbol
            unit = (int(symbol) * multiplier + half) >> FRACTION_BITS
            seen[member, cell] = -INPUT_MAX if unit < -INPUT_MAX else min(unit, INPUT_MAX)


@njit(cache=True, nogil=True, error_model="numpy")
def take_symbols(
    cells: NDArray[np.int16], members: NDArray[np.intp], inside: NDArray[np.bool_], symbols: NDArray[np.int16]
) -> None:
    """Read a pass's row from `cells` (4C, cells)."""
    n = 0
    for k in range(len(members)):
        for cell in range(cells.shape[1]):
            if inside[members[k] % POSITIONS, cell]:
                symbols[n] = cells[members[k], cell]
                n += 1
