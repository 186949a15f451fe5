"""rANS over numpy arrays: passes of symbols in, bytes out, and back.

A payload is the coder's last state and then its 16-bit words, all little-endian. The state is stored less its
lower bound in four bytes, or in three where the top one is zero, which the odd length then tells. Without
words its trailing zero bytes are cut, so that a frame in which nothing happened costs nothing at all.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared_models.entropy import rans_kernels as kernels
from shared_models.entropy.rans_kernels import STATE_MIN
from shared_models.entropy.tables import TableSet
from shared_models.errors import MalformedError, ModelError, TruncatedError

_STATE_BYTES: Final = 4
_WORDS_PER_ESCAPE: Final = 3  # 37 raw bits at most

_MALFORMED: Final = {
    kernels.ESCAPE_TOO_LONG: "an escape code is longer than any symbol needs",
    kernels.SYMBOL_TOO_LARGE: "a symbol does not fit 16 bits",
}


class RansEncoder:
    """Collects passes in the order in which they will be decoded, and codes them all at once, backwards."""

    def __init__(self, tables: TableSet) -> None:
        """Take the tables that every index refers to."""
        self._tables = tables
        self._passes: list[tuple[NDArray[np.int16], NDArray[np.uint16], NDArray[np.int16]]] = []

    def push(
        self, symbols: NDArray[np.int16], indices: NDArray[np.uint16], means: NDArray[np.int16]
    ) -> NDArray[np.int16]:
        """Take the next pass, three rows (n,), and give the symbols that a decoder will see.

        They differ from `symbols` only where a table is certain: there a decoder takes the mean.
        """
        _check_rows(self._tables, indices, means)
        if symbols.shape != indices.shape:
            raise ModelError(f"{symbols.size} symbols cannot be coded by {indices.size} table indices")
        seen: NDArray[np.int16] = kernels.settle(symbols, indices, means, self._tables.certain)
        self._passes.append((seen, indices, means))
        return seen

    def flush(self) -> bytes:
        """Code what was pushed and forget it."""
        tables = self._tables
        arrays = (tables.offsets, tables.minimum, tables.certain)
        steps = [kernels.count_steps(*rows, *arrays) for rows in self._passes]
        room = sum(coded + _WORDS_PER_ESCAPE * escapes for coded, escapes in steps)
        words = np.empty(room, np.uint16)
        position, state = room, STATE_MIN
        for rows in reversed(self._passes):
            position, state = kernels.encode_pass(*rows, tables.cumulative, *arrays, words, position, state)
        self._passes.clear()
        return _join(state, words[position:])


class RansDecoder:
    """Decodes one payload pass after pass, so that each pass can depend on the symbols before it."""

    def __init__(self, tables: TableSet, payload: bytes) -> None:
        """Take the encoder's tables and any bytes; raise MalformedError if no encoder wrote them."""
        self._tables = tables
        self._state, self._words = _split(payload)
        self._position = 0

    def decode(self, indices: NDArray[np.uint16], means: NDArray[np.int16]) -> NDArray[np.int16]:
        """Give the next pass (n,), n as long as the rows `indices` and `means`; nothing else is allocated.

        Raises TruncatedError or MalformedError.
        """
        _check_rows(self._tables, indices, means)
        tables = self._tables
        symbols = np.empty(indices.size, np.int16)
        outcome, self._position, self._state = kernels.decode_pass(
            indices,
            means,
            tables.cumulative,
            tables.offsets,
            tables.minimum,
            tables.certain,
            tables.first_slot,
            self._words,
            self._position,
            self._state,
            symbols,
        )
        if outcome == kernels.TRUNCATED:
            raise TruncatedError("the entropy-coded payload ends before its symbols do")
        if outcome != kernels.DONE:
            raise MalformedError(f"the entropy-coded payload is damaged: {_MALFORMED[outcome]}")
        return symbols

    def finish(self) -> None:
        """Raise MalformedError unless the payload ends here, in the state where every encoder begins."""
        left = len(self._words) - self._position
        if left:
            raise MalformedError(
                f"the entropy-coded payload is damaged: {2 * left} bytes follow its last symbol"
            )
        if self._state != STATE_MIN:
            raise MalformedError(
                "the entropy-coded payload is damaged: the coder's last state is not its first"
            )


def _check_rows(tables: TableSet, indices: NDArray[np.uint16], means: NDArray[np.int16]) -> None:
    """The kernels index without bounds checks, so whatever reaches them is checked here."""
    if indices.ndim != 1 or indices.shape != means.shape:
        raise ModelError(
            f"table indices {indices.shape} and means {means.shape} must be two rows of one length"
        )
    if indices.size and int(indices.max()) >= len(tables):
        raise ModelError(f"table index {int(indices.max())} is beyond the model's {len(tables)} tables")


def _join(state: int, words: NDArray[np.uint16]) -> bytes:
    head = (state - STATE_MIN).to_bytes(_STATE_BYTES, "little")
    if not len(words):
        return head.rstrip(b"\0")
    if head[-1] == 0:
        head = head[:-1]
    return head + words.astype("<u2").tobytes()


def _split(payload: bytes) -> tuple[int, NDArray[np.uint16]]:
    head_bytes = _STATE_BYTES - len(payload) % 2
    state = STATE_MIN + int.from_bytes(payload[:head_bytes], "little")
    if state >> 32:
        raise MalformedError("the entropy-coded payload is damaged: its first state is beyond 32 bits", 0)
    return state, np.frombuffer(payload[head_bytes:], "<u2").astype(np.uint16)
