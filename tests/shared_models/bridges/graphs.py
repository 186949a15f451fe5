"""Small ONNX models to cut and to run."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def convolution(
    name: str, channels: tuple[int, int], size: int, stride: int, source: str
) -> list[onnx.NodeProto]:
    """A convolution followed by x * sigmoid(x), as exporters write SiLU."""
    pads = [size // 2] * 4
    return [
        helper.make_node(
            "Conv", [source, f"{name}.w", f"{name}.b"], [f"{name}.c"], strides=[stride] * 2, pads=pads
        ),
        helper.make_node("Sigmoid", [f"{name}.c"], [f"{name}.s"]),
        helper.make_node("Mul", [f"{name}.c", f"{name}.s"], [name]),
    ]


def weights(name: str, channels: tuple[int, int], size: int) -> list[onnx.TensorProto]:
    random = np.random.default_rng(len(name) + channels[0])
    w = random.normal(0, 0.3, (channels[1], channels[0], size, size)).astype(np.float32)
    b = random.normal(0, 0.1, channels[1]).astype(np.float32)
    return [numpy_helper.from_array(w, f"{name}.w"), numpy_helper.from_array(b, f"{name}.b")]


def detector_like(side: int = 64) -> onnx.ModelProto:
    """A front to stride 8 (`front`), a pyramid behind it, a map of 85 channels on each level."""
    plan = [
        ("stem", (3, 4), 3, 4, "image"),
        ("front", (4, 6), 3, 2, "stem"),
        ("P4", (6, 8), 3, 2, "front"),
        ("P5", (8, 8), 3, 2, "P4"),
        ("map8", (12, 85), 1, 1, "joined"),
        ("map16", (8, 85), 1, 1, "P4"),
        ("map32", (8, 85), 1, 1, "pooled"),
    ]
    nodes: list[onnx.NodeProto] = []
    for name, channels, size, stride, source in plan:
        if name == "map8":
            nodes.append(helper.make_node("Slice", ["P4", "starts", "ends", "axes"], ["part"]))
            nodes.append(helper.make_node("Resize", ["part", "", "scales"], ["up"], mode="nearest"))
            nodes.append(helper.make_node("Concat", ["front", "up"], ["joined"], axis=1))
            nodes.append(
                helper.make_node(
                    "MaxPool", ["P5"], ["pooled"], kernel_shape=[3, 3], pads=[1] * 4, strides=[1, 1]
                )
            )
        nodes += convolution(name, channels, size, stride, source)
    constants = [t for name, channels, size, _, _ in plan for t in weights(name, channels, size)]
    constants += [
        numpy_helper.from_array(np.array([0]), "starts"),
        numpy_helper.from_array(np.array([6]), "ends"),
        numpy_helper.from_array(np.array([1]), "axes"),
        numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"),
    ]
    outputs = [
        helper.make_tensor_value_info(f"map{s}", TensorProto.FLOAT, [1, 85, side // s, side // s])
        for s in (8, 16, 32)
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, side, side])
    graph = helper.make_graph(nodes, "detector", [image], outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
