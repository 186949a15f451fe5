"""What the machine can do at most: arithmetic in the runtime that the codec uses, and memory traffic.

A peak is the best of several loads that are kind to a processor: large products, deep convolutions. Nothing
that the codec does can be faster, so its share of the peak says how much is left to gain.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from shared_models.bridges.graph_cost import cost_of
from shared_models.bridges.quantised import quantised
from shared_models.codecs.backend import BackendOptions, Network
from shared_models.evaluation.latency.report import Peak, PeakKind
from shared_models.evaluation.latency.stopwatch import Times

Shape = tuple[int, ...]

_CONVOLUTIONS: Final[tuple[tuple[int, int, int], ...]] = ((128, 3, 64), (256, 3, 32), (256, 1, 64))
"""Channels in and out, kernel, side of the map: what fits a second-level cache and fills all registers."""
_PRODUCT: Final = 768
"""Rows, columns and depth of a square matrix product."""
_COPY_BYTES: Final = {"memory": 1 << 27, "cache": 1 << 18}
"""Bytes that a copy reads, and again that it writes: beyond any last-level cache, within a second-level."""
_COPIES: Final = {"memory": 1, "cache": 200}
"""Copies a measurement, so that starting them weighs little."""
_BACKEND: Final = BackendOptions(keeps_arena=True)


@dataclass(frozen=True, slots=True)
class PeakLoad:
    """A load, and how much of it there is."""

    what: PeakKind
    """`fp32`, `int8`, `memory` or `cache`."""
    threads: int
    how: str
    amount: float
    """Multiply-accumulates, or bytes."""
    run: Callable[[], object]

    def run_frame(self, frame: int) -> None:
        """Run it once, as the stopwatch does; all frames are alike."""
        self.run()

    def peak(self, times: Times) -> Peak:
        """Say what one measurement of the load gave."""
        rate = self.amount / times.best_ms / 1e6  # 10^9 a second
        return Peak(what=self.what, threads=self.threads, value=rate, how=self.how)


def peak_loads(threads: int) -> list[PeakLoad]:
    """Make every load for so many threads; raise ModelError where the runtime refuses one."""
    options = BackendOptions(_BACKEND.providers, threads, _BACKEND.optimisation, keeps_arena=True)
    loads: list[PeakLoad] = []
    for channels, kernel, side in _CONVOLUTIONS:
        model = _convolution(channels, kernel)
        x = np.random.default_rng(0).random((1, channels, side, side), np.float32)
        macs = cost_of(model, [x]).macs
        how = f"convolution {kernel}×{kernel}, {channels} channels, {side}×{side}"
        small = quantised(model, [[x]])
        loads.append(PeakLoad("fp32", threads, how, macs, _run(Network(model, how, options), x)))
        loads.append(PeakLoad("int8", threads, how, macs, _run(Network(small, how, options), x)))
    return [*loads, _matrix_product(options), _copy("memory", threads), _copy("cache", threads)]


def best_peaks(found: Sequence[Peak]) -> list[Peak]:
    """Keep the best of each kind and number of threads."""
    best: dict[tuple[str, int], Peak] = {}
    for peak in found:
        kept = best.setdefault((peak.what, peak.threads), peak)
        if peak.value > kept.value:
            best[peak.what, peak.threads] = peak
    return list(best.values())


def _matrix_product(options: BackendOptions) -> PeakLoad:
    n = _PRODUCT
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    network = Network(_model(node, (n, n), ("rows", n)), "product", options)
    x = np.random.default_rng(0).random((n, n), np.float32)
    return PeakLoad("fp32", options.threads, f"matrix product {n}×{n}×{n}", n**3, _run(network, x))


def _copy(what: PeakKind, threads: int) -> PeakLoad:
    size, count = _COPY_BYTES[what], _COPIES[what]
    source = np.ones((threads, size), np.uint8)
    target = np.zeros_like(source)
    pool = ThreadPoolExecutor(threads)

    def copy(thread: int) -> None:
        for _ in range(count):
            np.copyto(target[thread], source[thread])

    def run() -> None:
        list(pool.map(copy, range(threads)))

    how = f"{count} × a copy of {size >> 10} KiB a thread, read and written"
    return PeakLoad(what, threads, how, 2 * size * count * threads, run)


def _run(network: Network, x: NDArray[np.float32]) -> Callable[[], object]:
    return lambda: network.run(x)


def _convolution(channels: int, kernel: int) -> bytes:
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[kernel // 2] * 4)
    return _model(node, (channels, channels, kernel, kernel), (1, channels, "h", "w"))


def _model(node: onnx.NodeProto, weight: Shape, given: Sequence[str | int]) -> bytes:
    values = np.random.default_rng(1).normal(0, 0.05, weight).astype(np.float32)
    graph = helper.make_graph(
        [node],
        "load",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(given))],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(values, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return bytes(model.SerializeToString())
