import contextlib
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared_models.entropy.cdf import cumulative_counts
from shared_models.entropy.gaussian_tables import ScaleLadder, gaussian_table
from shared_models.entropy.rans import RansDecoder, RansEncoder
from shared_models.entropy.tables import Table, TableSet
from shared_models.errors import BitstreamError, MalformedError, ModelError, TruncatedError

GOLDEN = Path(__file__).parents[2] / "golden" / "entropy" / "v1_rans.bin"
TABLES = TableSet.from_tables(ScaleLadder(lowest=0.2, levels=24, mean_bits=1).tables())
Rows = tuple[NDArray[np.int16], NDArray[np.uint16], NDArray[np.int16]]


def gaussian_rows(count: int, seed: int = 0) -> Rows:
    """Symbols drawn from what their tables say."""
    rng = np.random.default_rng(seed)
    ladder = ScaleLadder(lowest=0.2, levels=24, mean_bits=1)
    indices = rng.integers(0, len(TABLES), count).astype(np.uint16)
    means = rng.integers(-20, 21, count).astype(np.int16)
    fractions = ladder.fractions[indices % 2]
    drawn = rng.normal(means + fractions, ladder.scales[indices // 2])
    return np.rint(drawn).astype(np.int16), indices, means


def encode(tables: TableSet, *passes: Rows) -> bytes:
    encoder = RansEncoder(tables)
    for rows in passes:
        encoder.push(*rows)
    return encoder.flush()


def any_rows(seed: int) -> Rows:
    """Symbols, tables and means over their whole ranges; most symbols are small."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 60))
    reach = rng.choice([3, 300, 32767], count)
    symbols, means = (rng.integers(-reach - 1, reach + 1) for _ in range(2))
    indices = rng.integers(0, len(TABLES), count)
    return symbols.astype(np.int16), indices.astype(np.uint16), means.astype(np.int16)


@given(st.lists(st.integers(0, 2**32).map(any_rows), max_size=4))
def test_any_symbols_come_back_pass_after_pass(passes: list[Rows]) -> None:
    decoder = RansDecoder(TABLES, encode(TABLES, *passes))
    for symbols, indices, means in passes:
        assert np.array_equal(decoder.decode(indices, means), symbols)
    decoder.finish()


def test_a_payload_is_at_most_one_percent_above_the_information_in_its_symbols() -> None:
    symbols, indices, means = gaussian_rows(40_000)
    bits = 0.0
    for index in np.unique(indices):
        table = TABLES.table(int(index))
        counts = np.diff(table.cumulative.astype(np.int64))
        residuals = (symbols.astype(np.int64) - means)[indices == index]
        slots = np.clip(residuals - table.minimum, 0, len(counts) - 1)
        bits += float((16 - np.log2(counts[slots])).sum())
    assert len(encode(TABLES, (symbols, indices, means))) * 8 < 1.01 * bits + 32


def test_nothing_costs_nothing() -> None:
    assert RansEncoder(TABLES).flush() == b""
    RansDecoder(TABLES, b"").finish()


def test_a_quiet_frame_costs_at_most_four_bytes() -> None:
    quiet = TableSet.from_tables([gaussian_table(0.14)])
    zeros = np.zeros(8000, np.int16)
    assert len(encode(quiet, (zeros, zeros.astype(np.uint16), zeros))) <= 4


def test_symbols_of_a_certain_table_are_never_sent_and_both_sides_take_the_mean() -> None:
    tables = TableSet.from_tables([gaussian_table(0.11), gaussian_table(2.0)])
    assert tables.certain.tolist() == [1, 0]
    symbols = np.array([5, 7, -4, 1], np.int16)
    indices, means = np.array([0, 1, 0, 1], np.uint16), np.array([0, 3, -4, 1], np.int16)
    encoder = RansEncoder(tables)
    seen = encoder.push(symbols, indices, means)
    assert seen.tolist() == [0, 7, -4, 1]
    assert RansDecoder(tables, encoder.flush()).decode(indices, means).tolist() == seen.tolist()


def test_a_decoder_that_stops_early_is_told_so() -> None:
    symbols, indices, means = gaussian_rows(500)
    decoder = RansDecoder(TABLES, encode(TABLES, (symbols, indices, means)))
    decoder.decode(indices[:100], means[:100])
    with pytest.raises(MalformedError, match="follow its last symbol"):
        decoder.finish()


def test_a_decoder_that_wants_more_than_was_sent_is_refused() -> None:
    symbols, indices, means = gaussian_rows(500)
    decoder = RansDecoder(TABLES, encode(TABLES, (symbols[:400], indices[:400], means[:400])))
    with pytest.raises(TruncatedError):
        decoder.decode(np.tile(indices, 20), np.tile(means, 20))


def test_every_truncation_is_noticed() -> None:
    symbols, indices, means = gaussian_rows(300)
    payload = encode(TABLES, (symbols, indices, means))
    for length in range(len(payload)):
        with pytest.raises(BitstreamError):
            _decode_all(payload[:length], indices, means)


def _decode_all(payload: bytes, indices: NDArray[np.uint16], means: NDArray[np.int16]) -> None:
    decoder = RansDecoder(TABLES, payload)
    decoder.decode(indices, means)
    decoder.finish()


@given(st.binary(max_size=400), st.integers(0, 2**32))
def test_any_bytes_give_symbols_or_one_bitstream_error(payload: bytes, seed: int) -> None:
    rng = np.random.default_rng(seed)
    indices = rng.integers(0, len(TABLES), 200).astype(np.uint16)
    with contextlib.suppress(BitstreamError):
        decoder = RansDecoder(TABLES, payload)
        assert decoder.decode(indices, np.zeros(200, np.int16)).shape == (200,)
        decoder.finish()


@settings(max_examples=60)
@given(st.binary(min_size=4, max_size=200))
def test_any_bytes_behind_escapes_give_symbols_or_one_bitstream_error(payload: bytes) -> None:
    narrow = TableSet.from_tables([Table(cumulative_counts(np.array([0.01, 0.99])), 0)])
    decoder_rows = np.zeros(50, np.uint16), np.full(50, 30_000, np.int16)
    with contextlib.suppress(BitstreamError):
        RansDecoder(narrow, payload).decode(*decoder_rows)


def test_a_changed_bit_is_nearly_always_noticed_by_the_last_state() -> None:
    symbols, indices, means = gaussian_rows(400)
    payload = encode(TABLES, (symbols, indices, means))
    rng = np.random.default_rng(1)
    missed = 0
    for bit in rng.choice(len(payload) * 8, 400, replace=False):
        damaged = bytearray(payload)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            _decode_all(bytes(damaged), indices, means)
            missed += 1
        except BitstreamError:
            pass
    assert missed <= 2


@pytest.mark.slow
def test_a_million_damaged_payloads_neither_crash_nor_hang() -> None:
    symbols, indices, means = gaussian_rows(64)
    payload = np.frombuffer(encode(TABLES, (symbols, indices, means)), np.uint8)
    rng = np.random.default_rng(2)
    for _ in range(1_000_000):
        damaged = payload[: rng.integers(len(payload) + 1)].copy()
        if len(damaged):
            damaged[rng.integers(len(damaged), size=2)] = rng.integers(256, size=2)
        with contextlib.suppress(BitstreamError):
            _decode_all(damaged.tobytes(), indices, means)


def test_rows_that_do_not_fit_each_other_are_refused() -> None:
    with pytest.raises(ModelError, match="one length"):
        RansDecoder(TABLES, b"").decode(np.zeros(3, np.uint16), np.zeros(4, np.int16))
    with pytest.raises(ModelError, match="table index 48"):
        RansDecoder(TABLES, b"").decode(np.array([48], np.uint16), np.zeros(1, np.int16))
    with pytest.raises(ModelError, match="2 symbols"):
        RansEncoder(TABLES).push(np.zeros(2, np.int16), np.zeros(3, np.uint16), np.zeros(3, np.int16))


def golden_rows() -> tuple[TableSet, Rows, Rows]:
    """Two passes with every kind of symbol, from integers alone, so that no library can change them."""
    counts = [[0, 1, 9000, 60000, 65535, 65536], [0, 30000, 65536], [0, 65534, 65535, 65536]]
    tables = TableSet.from_tables(
        [Table(np.array(row, np.uint32), minimum) for row, minimum in zip(counts, (-2, 0, 0), strict=True)]
    )
    steps = np.arange(2000, dtype=np.int64)
    symbols = (steps * 7919 % 5 - 2).astype(np.int16)
    symbols[::97] = (steps[::97] * 104729 % 65536 - 32768).astype(np.int16)
    indices = (steps * 31 % 3).astype(np.uint16)
    means = (steps % 3 - 1).astype(np.int16)
    first = symbols[:1500], indices[:1500], means[:1500]
    return tables, first, (symbols[1500:], indices[1500:], means[1500:])


def test_the_golden_payload_is_written_and_read_as_ever() -> None:
    tables, *passes = golden_rows()
    written = encode(tables, *passes)
    if os.environ.get("SLIMSTREAM_WRITE_GOLDEN"):
        GOLDEN.write_bytes(written)
    golden = GOLDEN.read_bytes()
    assert written == golden
    decoder = RansDecoder(tables, golden)
    for symbols, indices, means in passes:
        assert np.array_equal(decoder.decode(indices, means), symbols)
    decoder.finish()
