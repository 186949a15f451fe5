"""Make a network's file smaller: large weights are stored short and turned back when it is loaded.

Runtimes fold these few nodes into plain float32 weights, so nothing is slower. `with_integer_weights` is
exact; the others round, and are for networks whose rounding harms nobody.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

KEPT_WHOLE: Final = 256
"""Arrays up to this size stay float32: biases and scales, where precision is cheap."""
_HALF_MAX: Final = float(np.finfo(np.float16).max)
_BYTE_MAX: Final = 127

Store: TypeAlias = Callable[[str, NDArray[np.float32]], tuple[list[TensorProto], list[NodeProto]]]
"""From a weight's name and value to what is stored, and the nodes that make the weight of it."""


def with_half_weights(model: bytes) -> bytes:
    """Return the network with weights as float16; raise ValueError for one that float16 cannot hold."""
    return _stored(model, _as_half)


def with_byte_weights(model: bytes) -> bytes:
    """Return the network with weights as int8 and one float32 scale for each row (output channel)."""
    return _stored(model, _as_bytes)


def with_integer_weights(model: bytes) -> bytes:
    """Return an integer network with its weights as int8 or int16, exactly; raise ValueError for others."""
    return _stored(model, _as_integers)


def _as_integers(name: str, weight: NDArray[np.float32]) -> tuple[list[TensorProto], list[NodeProto]]:
    for dtype in (np.int8, np.int16):
        short = weight.astype(dtype)
        if np.array_equal(short, weight):
            stored = numpy_helper.from_array(short, f"{name}.integer")
            return [stored], [helper.make_node("Cast", [stored.name], [name], to=TensorProto.FLOAT)]
    raise ValueError(f"the weight {name} is not of 16-bit integers")


def _as_half(name: str, weight: NDArray[np.float32]) -> tuple[list[TensorProto], list[NodeProto]]:
    if not np.abs(weight).max() <= _HALF_MAX:
        raise ValueError(f"the weight {name} is beyond float16: {np.abs(weight).max()}")
    half = numpy_helper.from_array(weight.astype(np.float16), f"{name}.half")
    return [half], [helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT)]


def _as_bytes(name: str, weight: NDArray[np.float32]) -> tuple[list[TensorProto], list[NodeProto]]:
    rest = tuple(range(1, weight.ndim))
    scale = np.maximum(np.abs(weight).max(axis=rest, keepdims=True), np.finfo(np.float32).tiny) / _BYTE_MAX
    stored = [
        numpy_helper.from_array(np.rint(weight / scale).astype(np.int8), f"{name}.byte"),
        numpy_helper.from_array(scale.astype(np.float32), f"{name}.scale"),
    ]
    whole = f"{name}.whole"
    return stored, [
        helper.make_node("Cast", [stored[0].name], [whole], to=TensorProto.FLOAT),
        helper.make_node("Mul", [whole, stored[1].name], [name]),
    ]


def _stored(model: bytes, store: Store) -> bytes:
    network = onnx.load_from_string(model)
    graph = network.graph
    kept: list[TensorProto] = []
    nodes: list[NodeProto] = []
    for weight in graph.initializer:
        array = numpy_helper.to_array(weight)
        if weight.data_type != TensorProto.FLOAT or array.size <= KEPT_WHOLE:
            kept.append(weight)
            continue
        stored, restore = store(weight.name, array)
        kept += stored
        nodes += restore
    nodes += graph.node
    compact = onnx.ModelProto()
    compact.CopyFrom(network)
    del compact.graph.initializer[:], compact.graph.node[:]
    compact.graph.initializer.extend(kept)
    compact.graph.node.extend(nodes)
    onnx.checker.check_model(compact)
    data: bytes = compact.SerializeToString()
    return data
