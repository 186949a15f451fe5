"""A stored context model and a payload, pinned: any change of the arithmetic or of the format shows here."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from shared_models.entropy.context import ContextModel
from shared_models.entropy.context_coding import Condition, decode_symbols, encode_symbols
from shared_models.entropy.integer_network import OnnxRuntime

GOLDEN = Path(__file__).parents[2] / "golden" / "entropy"
SHAPE = (6, 11, 7)
QUALITY_CODE = 2011


def golden_symbols() -> NDArray[np.int16]:
    """Symbols from integers alone, with a few far out."""
    steps = np.arange(np.prod(SHAPE), dtype=np.int64).reshape(SHAPE)
    symbols = (steps * 7919 % 11 - 5) * (steps * 31 % 7 < 2)
    symbols[:, 5, 3] = (steps[:, 5, 3] * 104729) % 65536 - 32768
    return symbols.astype(np.int16)


def golden_condition(channels: int) -> Condition | None:
    if not channels:
        return None
    given = (np.arange(channels * 6 * 4, dtype=np.int64).reshape(channels, 6, 4) * 13 % 9 - 4).astype(
        np.int16
    )
    return Condition(given, 640)


def write_golden(name: str) -> None:
    from tests.shared_models.entropy.test_context import trained

    stored = trained(name)[1]
    arrays: dict[str, NDArray[Any]] = {f"tables:{key}": array for key, array in stored.tables.items()}
    arrays |= {f"answers:{key}": array for key, array in stored.known_answers.items()}
    arrays |= {f"networks:{key}": np.frombuffer(model, np.uint8) for key, model in stored.networks.items()}
    save_file(arrays, GOLDEN / f"v1_{name}.safetensors")
    model = load_golden(name, None)
    coded = encode_symbols(model, golden_symbols(), golden_condition(model.condition_channels), QUALITY_CODE)
    (GOLDEN / f"v1_{name}.bin").write_bytes(coded.payload)


def load_golden(name: str, backend: OnnxRuntime | None) -> ContextModel:
    arrays = load_file(GOLDEN / f"v1_{name}.safetensors")
    parts: dict[str, dict[str, NDArray[Any]]] = {"tables": {}, "answers": {}, "networks": {}}
    for key, array in arrays.items():
        kind, _, own = key.partition(":")
        parts[kind][own] = array
    networks = {key: array.tobytes() for key, array in parts["networks"].items()}
    return ContextModel.load(name, parts["tables"], networks, parts["answers"], backend)


@pytest.mark.parametrize("name", ["base_context", "enh_context"])
@pytest.mark.parametrize("backend", [None, OnnxRuntime()], ids=["exact", "onnxruntime"])
def test_the_golden_payload_is_written_and_read_as_ever(name: str, backend: OnnxRuntime | None) -> None:
    if os.environ.get("SLIMSTREAM_WRITE_GOLDEN") and backend is None:
        write_golden(name)
    payload = (GOLDEN / f"v1_{name}.bin").read_bytes()
    model = load_golden(name, backend)
    assert model.refused == ()
    given = golden_condition(model.condition_channels)
    coded = encode_symbols(model, golden_symbols(), given, QUALITY_CODE)
    assert coded.payload == payload
    again = decode_symbols(model, payload, SHAPE, given, QUALITY_CODE, symbols_max=1000)
    assert np.array_equal(again, coded.symbols)
