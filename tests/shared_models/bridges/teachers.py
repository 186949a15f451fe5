"""A network with the maps of a MobileNetV2, by its names, and random weights: a stand-in for a teacher."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from shared_models.bridges.mobilenet import MobilenetCut

LAYERS = ((96, 16), (160, 2), (320, 1), (1280, 1), (1001, 1))  # channels and strides of the convolutions


def write_teacher(path: Path, layers: Sequence[tuple[int, int]] = LAYERS) -> Path:
    """Write it to `path`: 1x1 convolutions of these channels and strides, one pooling before the last."""
    random, cut = np.random.default_rng(0), MobilenetCut()
    names = [cut.at_16, cut.at_32, *(f"conv{i}" for i in range(2, len(layers)))]
    nodes, weights, name, channels = [], [], "image", 3
    for i, (wider, stride) in enumerate(layers):
        if i == len(layers) - 1:
            nodes.append(helper.make_node("GlobalAveragePool", [name], ["pooled"]))
            name = "pooled"
        weight = random.normal(0, channels**-0.5, (wider, channels, 1, 1)).astype(np.float32)
        weights.append(numpy_helper.from_array(weight, f"weight{i}"))
        nodes.append(helper.make_node("Conv", [name, f"weight{i}"], [names[i]], strides=[stride, stride]))
        name, channels = names[i], wider
    nodes.append(helper.make_node("Flatten", [name], ["logits"]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 224, 224])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 1001])
    graph = helper.make_graph(nodes, "teacher", [image], [logits], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path
