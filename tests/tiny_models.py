"""A detector, a classifier and a segmenter of a few thousand weights, as ONNX, to cut and to bridge into.

They are made of random weights, so what they find means nothing; but it follows from the picture.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SIDE = 64
CLASSES = 3


class _Graph:
    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def conv(self, source: str, name: str, channels: tuple[int, int], size: int = 3, stride: int = 1) -> str:
        spread = np.sqrt(2 / (channels[0] * size * size))
        weight = self.random.normal(0, spread, (channels[1], channels[0], size, size))
        self._keep(f"{name}.weight", weight.astype(np.float32))
        self._keep(f"{name}.bias", self.random.normal(0, 0.1, channels[1]).astype(np.float32))
        return self.node(
            "Conv",
            [source, f"{name}.weight", f"{name}.bias"],
            name,
            strides=[stride] * 2,
            pads=[size // 2] * 4,
            kernel_shape=[size] * 2,
        )

    def relu(self, source: str) -> str:
        return self.node("Relu", [source], f"{source}.relu")

    def node(self, kind: str, sources: list[str], name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, sources, [name], name=name, **attributes))
        return name

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        self._keep(name, value)
        return name

    def backbone(self) -> list[str]:
        """Stages at strides 2 to 32; return the ends of those at 8, 16 and 32."""
        source, ends = "image", []
        for stride, channels in ((2, (3, 8)), (4, (8, 8)), (8, (8, 12)), (16, (12, 12)), (32, (12, 12))):
            source = self.relu(self.conv(source, f"down{stride}", channels, stride=2))
            source = self.relu(self.conv(source, f"stage{stride}", (channels[1], channels[1])))
            ends.append(source)
        return ends[2:]

    def write(self, path: Path, outputs: dict[str, list[int]]) -> Path:
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
        values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in outputs.items()]
        graph = helper.make_graph(self.nodes, "tiny", [image], values, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString())
        return path

    def _keep(self, name: str, value: NDArray[np.generic]) -> None:
        self.weights.append(numpy_helper.from_array(value, name))


def write_detector(path: Path, seed: int = 0) -> Path:
    """A detector with YOLOX's layout: (1, 84, 5 + 3), offsets in cells at strides 8, 16 and 32."""
    graph = _Graph(seed)
    rows = []
    for stride, level in zip((8, 16, 32), graph.backbone(), strict=True):
        boxes = graph.conv(level, f"boxes{stride}", (12, 4), size=1)
        logits = graph.conv(level, f"scores{stride}", (12, 1 + CLASSES), size=1)
        scores = graph.node("Sigmoid", [logits], f"p{stride}")
        joined = graph.node("Concat", [boxes, scores], f"map{stride}", axis=1)
        shape = graph.constant(f"shape{stride}", np.array([1, 5 + CLASSES, -1]))
        rows.append(graph.node("Reshape", [joined, shape], f"rows{stride}"))
    columns = graph.node("Concat", rows, "columns", axis=2)
    graph.node("Transpose", [columns], "output", perm=[0, 2, 1])
    return graph.write(path, {"output": [1, 84, 5 + CLASSES]})


def write_classifier(path: Path, seed: int = 0) -> Path:
    """A classifier: (1, 3) logits."""
    graph = _Graph(seed)
    pooled = graph.node("GlobalAveragePool", [graph.backbone()[-1]], "pooled")
    logits = graph.conv(pooled, "classes", (12, CLASSES), size=1)
    graph.node("Flatten", [logits], "logits", axis=1)
    return graph.write(path, {"logits": [1, CLASSES]})


def write_segmenter(path: Path, seed: int = 0) -> Path:
    """A segmenter: (1, 3, 64, 64) logits."""
    graph = _Graph(seed)
    coarse = graph.conv(graph.backbone()[1], "classes", (12, CLASSES), size=1)
    scales = graph.constant("scales", np.array([1, 1, 16, 16], np.float32))
    graph.node("Resize", [coarse, "", scales], "logits", mode="linear")
    return graph.write(path, {"logits": [1, CLASSES, SIDE, SIDE]})
