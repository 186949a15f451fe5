"""What an ONNX graph costs by its own account: multiplications, and bytes that its layers must move."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from shared_models.errors import ModelError

Shapes: TypeAlias = Mapping[str, Sequence[int]]

FUSED: Final = frozenset({"Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh"})
"""Activations, which a runtime applies while a layer's sums are still in registers."""
FREE: Final = frozenset(
    {
        *("Constant", "Shape", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Cast", "Dropout"),
        *("QuantizeLinear", "DequantizeLinear"),
    }
)
"""Operators that move no activations, or that a runtime takes into the layers beside them."""


@dataclass(frozen=True, slots=True)
class GraphCost:
    """Costs of one run."""

    macs: int
    """Multiply-accumulates of convolutions and matrix products."""
    bytes_moved: int
    """Inputs, weights and outputs of every layer, each read or written once, activations fused."""
    weight_bytes: int


def node_macs(node: onnx.NodeProto, shapes: Shapes) -> int:
    """Count a node's multiply-accumulates; `shapes` has its inputs and outputs. 0 for other operators."""
    if node.op_type in {"Conv", "ConvInteger"}:
        return math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[1]][1:])
    if node.op_type == "ConvTranspose":
        return math.prod(shapes[node.input[0]]) * math.prod(shapes[node.input[1]][1:])
    if node.op_type == "QLinearConv":
        return math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[3]][1:])
    if node.op_type in {"MatMul", "MatMulInteger", "Gemm"}:
        transposed = any(a.name == "transA" and a.i for a in node.attribute)
        inner = shapes[node.input[0]][0 if transposed else -1]
        return math.prod(shapes[node.output[0]]) * inner
    return 0


def graph_cost(model: onnx.ModelProto, shapes: Shapes, *, element_bytes: int = 4) -> GraphCost:
    """Add up the graph, where all tensors have `shapes` and elements of so many bytes.

    Raises ModelError for a layer whose shapes are unknown.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    macs = moved = weight_elements = 0
    for node in model.graph.node:
        if weights.issuperset(name for name in node.input if name):  # folded when the file is loaded
            weights.update(node.output)
            continue
        if node.op_type in FREE | FUSED:
            continue
        try:
            macs += node_macs(node, shapes)
            inputs = [name for name in node.input if name in shapes]
            moved += sum(math.prod(shapes[name]) for name in [*inputs, *node.output])
            if node.op_type in {"Conv", "ConvTranspose", "Gemm", "MatMul"}:
                weight_elements += sum(math.prod(shapes[name]) for name in inputs if name in weights)
        except (KeyError, IndexError):
            raise ModelError(
                f"the shapes of {node.op_type} {node.name or node.output[0]} are not known: give fixed inputs"
            ) from None
    return GraphCost(macs, moved * element_bytes, weight_elements * element_bytes)


def shapes_by_running(model: onnx.ModelProto, inputs: Sequence[NDArray[np.generic]]) -> dict[str, list[int]]:
    """Run the graph on `inputs` and note the shape of every tensor: exact wherever inference gives up.

    Raises ModelError where ONNX Runtime does not run it.
    """
    import onnxruntime

    constants = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    names = [value.name for value in model.graph.input if value.name not in constants]
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    tensors = [name for node in model.graph.node for name in node.output if name]
    del watched.graph.output[:]
    watched.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in tensors)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            watched.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        values = session.run(tensors, dict(zip(names, inputs, strict=True)))
    except Exception as error:  # ONNX Runtime's own classes share no root but Exception
        raise ModelError(
            f"the graph cannot be run to count it: {str(error).partition(chr(10))[0]}"
        ) from error
    given = {name: list(array.shape) for name, array in zip(names, inputs, strict=True)}
    found = {name: list(np.shape(value)) for name, value in zip(tensors, values, strict=True)}
    return constants | given | found


def cost_of(model: bytes, inputs: Sequence[NDArray[np.generic]], *, element_bytes: int = 4) -> GraphCost:
    """Count one run of an ONNX file on `inputs`; raise ModelError where that is impossible."""
    try:
        graph = onnx.load_from_string(model)
    except Exception as error:  # protobuf's own error
        raise ModelError("the file is no ONNX model, so that nothing can be counted in it") from error
    return graph_cost(graph, shapes_by_running(graph, inputs), element_bytes=element_bytes)


def is_quantised(model: bytes) -> bool:
    """Say whether an ONNX file computes in integers between scales; raise ModelError if it is none."""
    try:
        graph = onnx.load_from_string(model).graph
    except Exception as error:  # protobuf's own error
        raise ModelError("the file is no ONNX model") from error
    return any(node.op_type == "QuantizeLinear" for node in graph.node)
