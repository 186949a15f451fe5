"""The inner loops of rANS: 32-bit state, 16-bit words, one lane (a second lane's flush would cost four
bytes).

The state x lives in [2^16, 2^32). Coding a symbol that owns `count` of 2^16 counts from `start` on maps x ->
(x // count) * 2^16 + start + x % count, after pushing a word whenever the result would not fit 32 bits;
decoding undoes it. An encoder therefore works backwards, from the last symbol to the first.

An escape is the table's last slot, then an Exp-Golomb code in raw bits, each of which is a coding step with
two equal halves. Loops are plain so that numba compiles them; they release the interpreter lock.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

STATE_MIN: Final = 1 << 16
GOLOMB_BITS_MAX: Final = 18  # an overflow of int16 symbols about int16 means stays below 2^18

DONE: Final = 0
TRUNCATED: Final = 1
ESCAPE_TOO_LONG: Final = 2
SYMBOL_TOO_LARGE: Final = 3

_WORD = np.uint64(16)
_LOW = np.uint64(0xFFFF)
_ONE = np.uint64(1)
_FLOOR = np.uint64(STATE_MIN)
_HALF = np.uint64(1 << 31)


@njit(cache=True, nogil=True, error_model="numpy")
def settle(
    symbols: NDArray[np.int16],
    indices: NDArray[np.uint16],
    means: NDArray[np.int16],
    certain: NDArray[np.uint8],
) -> NDArray[np.int16]:
    """Give the symbols as a decoder will see them: the mean wherever a table is certain."""
    seen = np.empty(symbols.size, np.int16)
    for i in range(symbols.size):
        seen[i] = means[i] if certain[indices[i]] else symbols[i]
    return seen


@njit(cache=True, nogil=True, error_model="numpy")
def count_steps(  # noqa: PLR0917 - numba takes arrays, not objects
    symbols: NDArray[np.int16],
    indices: NDArray[np.uint16],
    means: NDArray[np.int16],
    offsets: NDArray[np.uint32],
    minimum: NDArray[np.int16],
    certain: NDArray[np.uint8],
) -> tuple[int, int]:
    """Count the symbols that are coded, and those among them that escape."""
    coded = escapes = 0
    for i in range(symbols.size):
        table = int(indices[i])
        if certain[table]:
            continue
        coded += 1
        slot = np.int64(symbols[i]) - np.int64(means[i]) - np.int64(minimum[table])
        slots = np.int64(offsets[table + 1]) - np.int64(offsets[table]) - 1
        escapes += int(slot < 0 or slot >= slots - 1)
    return coded, escapes


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _push_bit(bit: int, state: np.uint64, words: NDArray[np.uint16], position: int) -> tuple[np.uint64, int]:
    if state >= _HALF:
        position -= 1
        words[position] = np.uint16(state & _LOW)
        state >>= _WORD
    return (state << _ONE) | np.uint64(bit), position


@njit(cache=True, nogil=True, error_model="numpy")
def _push_escape(
    overflow: int, state: np.uint64, words: NDArray[np.uint16], position: int
) -> tuple[np.uint64, int]:
    """Push the Exp-Golomb code of `overflow` >= 0, last bit first."""
    value = overflow + 1
    bits = 0
    while value >> (bits + 1):
        bits += 1
    for k in range(bits):
        state, position = _push_bit((value >> k) & 1, state, words, position)
    state, position = _push_bit(1, state, words, position)
    for _ in range(bits):
        state, position = _push_bit(0, state, words, position)
    return state, position


@njit(cache=True, nogil=True, error_model="numpy")
def encode_pass(  # noqa: PLR0917 - numba takes arrays, not objects
    symbols: NDArray[np.int16],
    indices: NDArray[np.uint16],
    means: NDArray[np.int16],
    cumulative: NDArray[np.uint32],
    offsets: NDArray[np.uint32],
    minimum: NDArray[np.int16],
    certain: NDArray[np.uint8],
    words: NDArray[np.uint16],
    position: int,
    initial_state: int,
) -> tuple[int, int]:
    """Push one pass, last symbol first, into `words` below `position`; give the new position and state.

    `words` must have room: one word per coded symbol and three more per escape.
    """
    state = np.uint64(initial_state)
    for i in range(symbols.size - 1, -1, -1):
        table = indices[i]
        if certain[table]:
            continue
        begin = np.int64(offsets[table])
        escape = np.int64(offsets[table + 1]) - begin - 2
        slot = np.int64(symbols[i]) - np.int64(means[i]) - np.int64(minimum[table])
        if slot < 0:
            state, position = _push_escape(int(-2 * slot - 1), state, words, position)
            slot = escape
        elif slot >= escape:
            state, position = _push_escape(int(2 * (slot - escape)), state, words, position)
            slot = escape
        start = np.uint64(cumulative[begin + slot])
        count = np.uint64(cumulative[begin + slot + 1]) - start
        if state >= count << _WORD:
            position -= 1
            words[position] = np.uint16(state & _LOW)
            state >>= _WORD
        quotient = state // count
        state = (quotient << _WORD) + start + (state - quotient * count)
    return position, int(state)


@njit(cache=True, nogil=True, error_model="numpy")
def _pull_bit(state: np.uint64, words: NDArray[np.uint16], position: int) -> tuple[int, np.uint64, int]:
    """Pull one raw bit; a position beyond `words` says that they ended."""
    bit = int(state & _ONE)
    state >>= _ONE
    if state < _FLOOR:
        if position < words.size:
            state = (state << _WORD) | np.uint64(words[position])
        position += 1
    return bit, state, position


@njit(cache=True, nogil=True, error_model="numpy")
def _pull_escape(state: np.uint64, words: NDArray[np.uint16], position: int) -> tuple[int, np.uint64, int]:
    """Pull an Exp-Golomb code: the overflow, or -1 if its prefix is longer than any code is."""
    bits = 0
    bit, state, position = _pull_bit(state, words, position)
    while bit == 0 and bits < GOLOMB_BITS_MAX and position <= words.size:
        bits += 1
        bit, state, position = _pull_bit(state, words, position)
    if bit == 0:
        return -1, state, position
    value = 1
    for _ in range(bits):
        bit, state, position = _pull_bit(state, words, position)
        value = (value << 1) | bit
    return value - 1, state, position


@njit(cache=True, nogil=True, error_model="numpy")
def decode_pass(  # noqa: PLR0917 - numba takes arrays, not objects
    indices: NDArray[np.uint16],
    means: NDArray[np.int16],
    cumulative: NDArray[np.uint32],
    offsets: NDArray[np.uint32],
    minimum: NDArray[np.int16],
    certain: NDArray[np.uint8],
    first_slot: NDArray[np.uint16],
    words: NDArray[np.uint16],
    position: int,
    initial_state: int,
    symbols: NDArray[np.int16],
) -> tuple[int, int, int]:
    """Pull one pass into `symbols`; give the outcome, the new position and the new state.

    It never reads beyond `words`, takes a bounded number of steps per symbol and stops at the first
    impossible one.
    """
    state = np.uint64(initial_state)
    for i in range(indices.size):
        table = indices[i]
        if certain[table]:
            symbols[i] = means[i]
            continue
        begin = np.int64(offsets[table])
        low = state & _LOW
        k = begin + np.int64(first_slot[table, low >> np.uint64(8)])
        while np.uint64(cumulative[k + 1]) <= low:  # ends: the last count is 2^16
            k += 1
        start = np.uint64(cumulative[k])
        state = (np.uint64(cumulative[k + 1]) - start) * (state >> _WORD) + low - start
        if state < _FLOOR:
            if position >= words.size:
                return TRUNCATED, position, int(state)
            state = (state << _WORD) | np.uint64(words[position])
            position += 1
        value = np.int64(means[i]) + np.int64(minimum[table]) + k - begin
        slots = np.int64(offsets[table + 1]) - begin - 1
        if k - begin == slots - 1:
            overflow, state, position = _pull_escape(state, words, position)
            if position > words.size:
                return TRUNCATED, words.size, int(state)
            if overflow < 0:
                return ESCAPE_TOO_LONG, position, int(state)
            if overflow & 1:
                value = np.int64(means[i]) + np.int64(minimum[table]) - (overflow + 1) // 2
            else:
                value += overflow // 2
        if value < -32768 or value > 32767:
            return SYMBOL_TOO_LARGE, position, int(state)
        symbols[i] = value
    return DONE, position, int(state)
