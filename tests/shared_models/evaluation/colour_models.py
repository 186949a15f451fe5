"""Models of a few nodes that see colours: what is most red, green or blue, in all and at each pixel."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 64


def write_colour_classifier(path: Path) -> Path:
    """Write a classifier of three classes: the picture's strongest channel, in RGB order."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["means"], axes=[2, 3], keepdims=0),
        helper.make_node("Mul", ["means", "scale"], ["logits"]),
    ]
    return _write(path, nodes, "logits", [1, 3], {"scale": np.float32(0.1)})


def write_colour_segmenter(path: Path) -> Path:
    """Write a segmenter of three classes: each pixel's strongest channel, in RGB order."""
    nodes = [helper.make_node("Mul", ["image", "scale"], ["logits"])]
    return _write(path, nodes, "logits", [1, 3, SIDE, SIDE], {"scale": np.float32(0.1)})


def _write(
    path: Path, nodes: list[onnx.NodeProto], output: str, shape: list[int], constants: dict[str, np.float32]
) -> Path:
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path
