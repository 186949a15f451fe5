"""Integer networks as ONNX: convolutions, multiplications by powers of two, floors and clips alone.

Weights are stored as int8 and cast, which a runtime folds away when it loads the file. Only export imports
this module; what runs a network needs onnxruntime or nothing.
"""

from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from shared_models.entropy.integer_layers import IntegerLayers

INPUT_NAME: Final = "symbols"
OUTPUT_NAME: Final = "parameters"
_OPSET: Final = 18
_IR_VERSION: Final = 8  # the oldest that knows this opset, so that older runtimes load the file


def to_onnx(network: IntegerLayers, name: str) -> bytes:
    """Give `network` as a float32 ONNX model, (B, C_in, H, W) -> (B, C_out, H, W), every value an integer."""
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def constant(label: str, value: object) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, np.float32), label))
        return label

    def int8_constant(label: str, value: NDArray[np.int8]) -> str:
        constants.append(numpy_helper.from_array(value, f"{label}_int8"))
        nodes.append(helper.make_node("Cast", [f"{label}_int8"], [label], to=TensorProto.FLOAT))
        return label

    tensor = INPUT_NAME
    for number, layer in enumerate(network.layers):
        size = layer.weight.shape[2]
        weight = int8_constant(f"weight_{number}", layer.weight)
        bias = constant(f"bias_{number}", layer.bias)
        scale = constant(f"scale_{number}", 2.0**-layer.shift)
        lowest, highest = (
            constant(f"lowest_{number}", layer.lowest),
            constant(f"highest_{number}", layer.highest),
        )
        clipped = OUTPUT_NAME if number + 1 == len(network.layers) else f"clipped_{number}"
        sums, scaled, floored = f"sums_{number}", f"scaled_{number}", f"floored_{number}"
        nodes += [
            helper.make_node(
                "Conv", [tensor, weight, bias], [sums], pads=[size // 2] * 4, kernel_shape=[size, size]
            ),
            helper.make_node("Mul", [sums, scale], [scaled]),
            helper.make_node("Floor", [scaled], [floored]),
            helper.make_node("Clip", [floored, lowest, highest], [clipped]),
        ]
        tensor = clipped
    shape_in: list[str | int | None] = ["batch", network.input_channels, "height", "width"]
    shape_out: list[str | int | None] = ["batch", network.output_channels, "height", "width"]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, shape_in)],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, shape_out)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
