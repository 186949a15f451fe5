"""Bringing a graph to float32: a half-precision model is cut and differentiated as what it stands for."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HALVES: Final = frozenset({TensorProto.FLOAT16, TensorProto.BFLOAT16})
FLOAT: Final = TensorProto.FLOAT


def widen(graph: onnx.GraphProto) -> None:
    """Make every half-precision weight, constant, cast, input and output of `graph` float32, in place.

    Weights keep their values exactly; what is computed of them is rounded less than in the file's own type.
    """
    for inner in _with_inner(graph):
        for tensor in inner.initializer:
            _widen_tensor(tensor)
        for node in inner.node:
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.TENSOR:
                    _widen_tensor(attribute.t)
                elif attribute.name in {"to", "dtype"} and attribute.i in HALVES:
                    attribute.i = FLOAT
        for value in (*inner.input, *inner.output, *inner.value_info):
            if value.type.tensor_type.elem_type in HALVES:
                value.type.tensor_type.elem_type = FLOAT


def feed_floats(graph: onnx.GraphProto, image: str) -> None:
    """Let a graph that takes bytes as `image` take them as float32, in place."""
    (value,) = (value for value in graph.input if value.name == image)
    kind = value.type.tensor_type.elem_type
    if kind == FLOAT:
        return
    value.type.tensor_type.elem_type = FLOAT
    inner = f"{image}_as_in_the_file"
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == image:
                node.input[index] = inner
    graph.node.insert(0, helper.make_node("Cast", [image], [inner], to=kind))


def _widen_tensor(tensor: onnx.TensorProto) -> None:
    if tensor.data_type in HALVES:
        values = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def _with_inner(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yield `graph` and the graphs inside its nodes (If, Loop)."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _with_inner(inner)
