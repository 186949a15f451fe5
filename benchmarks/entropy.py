"""Speed and overhead of the entropy coder on one core, beside constriction's ANS coder in the same run.

    python -m benchmarks.entropy

Symbols are Gaussians of 64 scales, interleaved at random, as a context model hands them out.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from shared_models.entropy.gaussian_tables import ScaleLadder
from shared_models.entropy.integer_layers import IntegerConv, IntegerLayers
from shared_models.entropy.integer_network import IntegerNetwork, OnnxRuntime
from shared_models.entropy.integer_onnx import to_onnx
from shared_models.entropy.known_answers import KnownAnswers
from shared_models.entropy.rans import RansDecoder, RansEncoder
from shared_models.entropy.tables import TableSet

SYMBOLS: Final = 1 << 17
FRAME: Final = 64 * 26 * 20  # base symbols of a 416 x 320 frame
REPEATS: Final = 25
LADDER: Final = ScaleLadder(highest=12.0, levels=64, mean_bits=0)


def best_ms(action: Callable[[], object]) -> float:
    """Return the least of a few times: on a shared machine the others measure its neighbours."""
    action()
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return 1e3 * min(times)


def rans(count: int) -> tuple[float, float]:
    """Print speed, and bytes against the entropy under the tables; return both times in ms."""
    rng = np.random.default_rng(0)
    tables = TableSet.from_tables(LADDER.tables())
    indices = rng.integers(0, LADDER.levels, count).astype(np.uint16)
    means = rng.integers(-8, 9, count).astype(np.int16)
    residuals = np.rint(rng.normal(size=count) * LADDER.scales[indices]).astype(np.int16)
    residuals[tables.certain[indices] != 0] = 0
    symbols = residuals + means

    def encode() -> bytes:
        encoder = RansEncoder(tables)
        encoder.push(symbols, indices, means)
        return encoder.flush()

    payload = encode()
    encode_ms = best_ms(encode)
    decode_ms = best_ms(lambda: RansDecoder(tables, payload).decode(indices, means))
    bits = 0.0
    for index in range(LADDER.levels):
        if tables.certain[index]:
            continue
        table = tables.table(index)
        counts = np.diff(table.cumulative.astype(np.int64))
        slots = np.clip(residuals[indices == index].astype(np.int64) - table.minimum, 0, len(counts) - 1)
        bits += float((16 - np.log2(counts[slots])).sum())
    print(
        f"rANS, {count} symbols: encode {count / encode_ms / 1e3:.0f} Msymbol/s, "
        f"decode {count / decode_ms / 1e3:.0f} Msymbol/s, {len(payload)} bytes, "
        f"{100 * (8 * len(payload) / bits - 1):.2f} % over the entropy of {bits / count:.3f} bits a symbol"
    )
    return encode_ms, decode_ms


def constriction_ans(count: int, ours_ms: tuple[float, float]) -> None:
    """Print the same for constriction's ANS coder with a Gaussian per symbol, if it is installed."""
    try:
        import constriction
    except ImportError:
        print("constriction is not installed: no comparison")
        return
    rng = np.random.default_rng(0)
    scales = LADDER.scales[rng.integers(0, LADDER.levels, count)]
    means = np.zeros(count)
    symbols = np.clip(np.rint(rng.normal(size=count) * scales), -100, 100).astype(np.int32)
    model = constriction.stream.model.QuantizedGaussian(-100, 100)

    def encode() -> np.ndarray:
        coder = constriction.stream.stack.AnsCoder()
        coder.encode_reverse(symbols, model, means, scales)
        return np.asarray(coder.get_compressed())

    words = encode()
    encode_ms = best_ms(encode)
    decode_ms = best_ms(lambda: constriction.stream.stack.AnsCoder(words).decode(model, means, scales))
    print(
        f"constriction, {count} symbols: encode {count / encode_ms / 1e3:.0f} Msymbol/s, "
        f"decode {count / decode_ms / 1e3:.0f} Msymbol/s; "
        f"ours is {encode_ms / ours_ms[0]:.0f} and {decode_ms / ours_ms[1]:.0f} times as fast"
    )


def integer_network() -> None:
    """Print the time of a network of the base's size on a 416 x 416 frame, by backend."""
    rng = np.random.default_rng(0)

    def layer(C_in: int, C_out: int, k: int, lowest: int, highest: int) -> IntegerConv:
        weight = np.clip(np.rint(rng.normal(size=(C_out, C_in, k, k)) * 15), -127, 127).astype(np.int8)
        return IntegerConv(weight, np.zeros(C_out, np.int32), 9, lowest, highest)

    layers = (layer(197, 96, 3, 0, 255), layer(96, 96, 1, 0, 255), layer(96, 128, 1, -128, 127))
    network = IntegerLayers(layers, -127, 127)
    model, answers = to_onnx(network, "benchmark"), KnownAnswers.of(network)
    symbols = np.clip(np.rint(rng.normal(size=(1, 197, 13, 13)) * 8), -127, 127).astype(np.int16)
    for name, backend in (("onnxruntime", OnnxRuntime()), ("exact CPU path", None)):
        ready = IntegerNetwork(network, model, answers, backend)
        print(f"integer network, 13 x 13 cells, {name}: {best_ms(partial(ready.run, symbols)):.2f} ms")


if __name__ == "__main__":
    rans(FRAME)
    constriction_ans(SYMBOLS, rans(SYMBOLS))
    integer_network()
