"""A world simple enough to be seen by a detector of a few nodes: white squares on black are people.

The detector has YOLOX's layout at 64×64: a cell of stride 8 is as sure of a person as it is bright, and its
box is the cell.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

SIDE, CELL = 64, 8
CELLS = (SIDE // CELL) ** 2
OTHER_CELLS = (SIDE // 16) ** 2 + (SIDE // 32) ** 2


def write_detector(path: Path) -> Path:
    """Write the detector as ONNX."""
    box = np.tile(np.array([0.5, 0.5, 0, 0], np.float32), (1, CELLS, 1))
    classes = np.zeros((1, CELLS, 80), np.float32)
    classes[..., 0] = 1
    constants = {
        "scale": np.float32(1 / 255),
        "shape": np.array([1, CELLS, 1], np.int64),
        "box": box,
        "classes": classes,
        "nothing": np.zeros((1, OTHER_CELLS, 85), np.float32),
    }
    nodes = [
        helper.make_node("AveragePool", ["images"], ["cells"], kernel_shape=[CELL] * 2, strides=[CELL] * 2),
        helper.make_node("ReduceMean", ["cells"], ["grey"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["grey", "scale"], ["bright"]),
        helper.make_node("Reshape", ["bright", "shape"], ["sure"]),
        helper.make_node("Concat", ["box", "sure", "classes"], ["seen"], axis=2),
        helper.make_node("Concat", ["seen", "nothing"], ["output"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "bright squares",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, CELLS + OTHER_CELLS, 85])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


def write_world(folder: Path, pictures: int = 6) -> Path:
    """Write pictures into `folder/images` and their boxes beside it; return the COCO file."""
    generator = np.random.default_rng(3)
    (folder / "images").mkdir(parents=True)
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for number in range(1, pictures + 1):
        pixels = generator.integers(0, 30, (SIDE, SIDE, 3)).astype(np.uint8)
        for cell in generator.choice(CELLS, 3, replace=False).tolist():
            y, x = (CELL * part for part in divmod(cell, SIDE // CELL))
            pixels[y : y + CELL, x : x + CELL] = 255 - 20 * number
            box = [x, y, CELL, CELL]
            annotations.append({"id": len(annotations), "image_id": number, "category_id": 1, "bbox": box})
        Image.fromarray(pixels).save(folder / "images" / f"{number:03}.png")
        images.append({"id": number, "file_name": f"{number:03}.png", "width": SIDE, "height": SIDE})
    path = folder / "boxes.json"
    categories = [{"id": 1, "name": "person"}]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path
