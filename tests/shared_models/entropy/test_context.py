"""A trained context model, stored, loaded and coded with; training itself runs a few steps only."""

import contextlib
import functools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load, save

pytest.importorskip("torch", reason="training needs torch, which the `train` extra installs")

import torch

from shared_models.entropy.context import QUALITY_CODE_MAX, ContextModel, StoredContext
from shared_models.entropy.context_coding import Condition, decode_symbols, encode_symbols
from shared_models.entropy.context_export import store_context
from shared_models.entropy.context_training import (
    ContextBatch,
    ContextDesign,
    PassDesign,
    TrainedContext,
)
from shared_models.entropy.factorised_context import factorised_context
from shared_models.entropy.gaussian_tables import ScaleLadder, gaussian_table
from shared_models.entropy.group_map import GroupMap, to_cells
from shared_models.entropy.integer_network import OnnxRuntime
from shared_models.errors import BitstreamError, LimitError, MalformedError, ModelError
from tests.shared_models.entropy.networks import correlated_symbols

C, GIVEN = 6, 3
SYMBOLS_MAX = 100_000
LADDER = ScaleLadder(levels=32, mean_bits=2)
SCALES = np.exp(np.linspace(-1.0, 1.5, 101))[:, None] * np.linspace(0.6, 1.4, C)
Trained = tuple[TrainedContext, StoredContext]


def base_design() -> ContextDesign:
    group_map = GroupMap.by_position(C)
    passes = group_map.passes.reshape(-1)
    networks = [PassDesign(np.flatnonzero(passes < number), ((3, 16), (1, 16))) for number in range(1, 4)]
    return ContextDesign(group_map, (None, *networks), LADDER)


def enhancement_design() -> ContextDesign:
    networks = (PassDesign(np.arange(0), ((3, 16),)), PassDesign(np.arange(8), ((3, 16),)))
    return ContextDesign(GroupMap.by_band((2, C), 0), networks, LADDER)


def sample(quality: int, height: int, width: int, seed: int) -> NDArray[np.int16]:
    return correlated_symbols((C, height, width), float(SCALES[quality].mean()), seed)


def base_of(symbols: NDArray[np.int16]) -> NDArray[np.int16]:
    """Give (3, ceil(H/2), ceil(W/2)) symbols that say something about (6, H, W) ones."""
    return to_cells(symbols)[::4][:GIVEN]


@functools.cache
def trained(layer: str) -> Trained:
    torch.manual_seed(0)
    is_base = layer == "base_context"
    design = base_design() if is_base else enhancement_design()
    model = TrainedContext(design, SCALES, None if is_base else SCALES[:, :GIVEN])
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(60):
        optimiser.zero_grad()
        total_bits(model, batch_of(is_base, step)).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    static = {0: np.repeat(LADDER.level_of(SCALES), 1, axis=1)} if is_base else {}
    statics = [gaussian_table(scale) for scale in LADDER.scales]
    return model, store_context(layer, model, LADDER.tables(), statics, static)


def batch_of(is_base: bool, seed: int, size: int = 4) -> ContextBatch:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 101, size)
    symbols = [sample(int(row), 16, 16, seed * size + k) for k, row in enumerate(rows)]
    cells = torch.from_numpy(np.stack([to_cells(each) for each in symbols]).astype(np.float32))
    if is_base:
        return ContextBatch(cells, torch.from_numpy(rows))
    given = torch.from_numpy(np.stack([base_of(each) for each in symbols]).astype(np.float32))
    return ContextBatch(cells, torch.from_numpy(rows), given, torch.from_numpy(rows))


def total_bits(model: TrainedContext, batch: ContextBatch) -> torch.Tensor:
    return torch.stack([bits.mean() for bits in model(batch).values()]).sum()


def loaded(layer: str, backend: OnnxRuntime | None = None) -> ContextModel:
    stored = trained(layer)[1]
    tables, answers = load(save(stored.tables)), load(save(stored.known_answers))
    return ContextModel.load(layer, tables, stored.networks, answers, backend)


def condition_for(layer: str, symbols: NDArray[np.int16], quality_code: int) -> Condition | None:
    return None if layer == "base_context" else Condition(base_of(symbols), quality_code)


@pytest.mark.parametrize("layer", ["base_context", "enh_context"])
@pytest.mark.parametrize("shape", [(16, 16), (1, 1), (1, 8), (7, 5), (2, 3)])
def test_symbols_come_back_at_every_size_and_quality(layer: str, shape: tuple[int, int]) -> None:
    model = loaded(layer)
    for quality_code in (0, 1, 1617, QUALITY_CODE_MAX):
        symbols = sample(quality_code // 32, *shape, seed=quality_code)
        given = condition_for(layer, symbols, quality_code)
        coded = encode_symbols(model, symbols, given, quality_code)
        again = decode_symbols(model, coded.payload, (C, *shape), given, quality_code, SYMBOLS_MAX)
        assert np.array_equal(again, coded.symbols)
        assert (coded.symbols != symbols).mean() < 0.01


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from([1, 40, 3000, 32767]))
def test_symbols_of_any_size_come_back(seed: int, magnitude: int) -> None:
    model = loaded("base_context")
    rng = np.random.default_rng(seed)
    symbols = rng.integers(-magnitude, magnitude + 1, (C, 4, 6)).astype(np.int16)
    coded = encode_symbols(model, symbols, None, 1600)
    assert np.array_equal(
        decode_symbols(model, coded.payload, (C, 4, 6), None, 1600, SYMBOLS_MAX), coded.symbols
    )


@pytest.mark.parametrize("layer", ["base_context", "enh_context"])
def test_what_one_backend_writes_every_other_reads(layer: str) -> None:
    symbols = sample(60, 12, 14, seed=5)
    given = condition_for(layer, symbols, 1930)
    writer = loaded(layer)
    payload, seen = encode_symbols(writer, symbols, given, 1930)
    for level in range(4):
        for threads in (1, 2):
            reader = loaded(layer, OnnxRuntime(optimisation_level=level, threads=threads))
            assert reader.refused == ()
            again = decode_symbols(reader, payload, (C, 12, 14), given, 1930, SYMBOLS_MAX)
            assert np.array_equal(again, seen)
            assert encode_symbols(reader, symbols, given, 1930).payload == payload


@pytest.mark.parametrize("layer", ["base_context", "enh_context"])
def test_estimated_bits_are_the_bytes_that_are_sent(layer: str) -> None:
    model, stored = trained(layer)
    runtime = ContextModel.load(layer, stored.tables, stored.networks, stored.known_answers)
    estimated = sent = 0.0
    for seed in range(900, 908):
        batch = batch_of(layer == "base_context", seed, size=1)
        row = int(batch.rows[0])
        symbols = sample(row, 16, 16, seed)
        payload = encode_symbols(runtime, symbols, condition_for(layer, symbols, row * 32), row * 32).payload
        with torch.no_grad():
            estimated += sum(bits.sum().item() for bits in model(batch).values())
        if layer == "base_context":
            estimated += static_bits(runtime, symbols, row)
        sent += 8 * len(payload) - 24  # a payload's own three bytes or so
    assert sent == pytest.approx(estimated, rel=0.01)


def static_bits(model: ContextModel, symbols: NDArray[np.int16], row: int) -> float:
    """Count the information in the pass without a network, by its tables."""
    index = model.passes[0].static_index
    assert index is not None
    bits = 0.0
    for member, plane in zip(index[row], to_cells(symbols)[::4], strict=True):
        table = model.tables.table(int(member))
        counts = np.diff(table.cumulative.astype(np.int64))
        slots = plane.astype(np.int64) - table.minimum
        escape = len(counts) - 1
        overflow = np.where(slots < 0, -2 * slots - 1, np.maximum(2 * (slots - escape), -1))
        golomb = np.where(overflow >= 0, 2 * np.floor(np.log2(np.maximum(overflow, 0) + 1)) + 1, 0)
        bits += float((16 - np.log2(counts[np.where(overflow >= 0, escape, slots)]) + golomb).sum())
    return bits


def test_context_saves_bytes_against_none() -> None:
    symbols = sample(70, 32, 32, seed=77)
    plain = factorised_context("base_context", SCALES)
    without = encode_symbols(ContextModel.load("base_context", plain.tables, {}, {}), symbols, None, 70 * 32)
    assert len(encode_symbols(loaded("base_context"), symbols, None, 70 * 32).payload) < len(without.payload)


def test_the_condition_saves_bytes() -> None:
    model, symbols = loaded("enh_context"), sample(70, 32, 32, seed=78)
    told = encode_symbols(model, symbols, Condition(base_of(symbols), 70 * 32), 70 * 32)
    untold = encode_symbols(model, symbols, Condition(base_of(symbols) * 0, 70 * 32), 70 * 32)
    assert len(told.payload) < len(untold.payload)


@settings(max_examples=150)
@given(st.binary(max_size=300))
def test_any_bytes_give_symbols_or_one_bitstream_error(payload: bytes) -> None:
    shape = (C, 6, 5)
    with contextlib.suppress(BitstreamError):
        assert decode_symbols(loaded("base_context"), payload, shape, None, 900, SYMBOLS_MAX).shape == shape


def test_limits_and_qualities_from_outside_are_checked_before_anything_is_made() -> None:
    model = loaded("base_context")
    with pytest.raises(LimitError, match="beyond the limit of 99"):
        decode_symbols(model, b"", (C, 1 << 20, 1 << 20), None, 0, 99)
    with pytest.raises(MalformedError, match="quality code 3201"):
        decode_symbols(model, b"", (C, 2, 2), None, 3201, SYMBOLS_MAX)


def test_what_does_not_fit_the_model_is_refused_in_one_sentence() -> None:
    base, enhancement = loaded("base_context"), loaded("enh_context")
    symbols = np.zeros((C, 4, 4), np.int16)
    with pytest.raises(ModelError, match=r"codes int16 \(6, H, W\)"):
        encode_symbols(base, symbols.astype(np.int32), None, 0)
    with pytest.raises(ModelError, match=r"codes \(6, H, W\)"):
        decode_symbols(base, b"", (C + 1, 4, 4), None, 0, SYMBOLS_MAX)
    with pytest.raises(ModelError, match="given"):
        encode_symbols(enhancement, symbols, None, 0)
    with pytest.raises(ModelError, match="does not fit"):
        encode_symbols(enhancement, symbols, Condition(symbols, 0), 0)


@pytest.mark.parametrize("layer", ["base_context", "enh_context"])
def test_every_missing_part_of_a_package_is_noticed(layer: str) -> None:
    stored = trained(layer)[1]
    for name in stored.tables:
        kept = {key: array for key, array in stored.tables.items() if key != name}
        with pytest.raises(ModelError):
            ContextModel.load(layer, kept, stored.networks, stored.known_answers)
    with pytest.raises(ModelError, match="onnx"):
        ContextModel.load(layer, stored.tables, {}, stored.known_answers)
    with pytest.raises(ModelError, match="known answers"):
        ContextModel.load(layer, stored.tables, stored.networks, {})


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("base_context/settings", np.array([2, 32, 2, 0], np.int32)),
        ("base_context/settings", np.array([1, 99999, 2, 0], np.int32)),
        ("base_context/settings", np.array([1, 32, 2, 500], np.int32)),
        ("base_context/condition", np.zeros((7, 0), np.int32)),
        ("base_context_0/static_index", np.full((101, C), 60000, np.uint16)),
        ("base_context_1/inputs", np.array([3, 7], np.uint16)),
        ("base_context_1/inputs", np.array([999], np.uint16)),
        ("base_context_1/inputs", np.array([0], np.uint16)),
    ],
)
def test_damaged_arrays_of_a_package_are_refused(name: str, array: NDArray[Any]) -> None:
    stored = trained("base_context")[1]
    with pytest.raises(ModelError):
        ContextModel.load(
            "base_context", {**stored.tables, name: array}, stored.networks, stored.known_answers
        )
