"""Where to cut a frozen detector, and the tail behind the cut as an ONNX model of its own."""

from collections.abc import Iterable
from dataclasses import dataclass

import onnx
from onnx import TensorProto, helper, shape_inference
from onnx.utils import Extractor

from shared_models.errors import ModelError

CUT_STRIDE = 8
HEAD_STRIDES = (8, 16, 32)
MAP_CHANNELS = 85  # box, objectness, 80 classes

Shapes = dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class Cut:
    """The tensor that a bridge makes, its channels, and the three maps that the tail makes of it."""

    features: str
    channels: int
    maps: tuple[str, str, str]


def find_cut(model: onnx.ModelProto, features: str | None = None) -> Cut:
    """Find the last stride-8 tensor all paths go through (or take `features`); raise ModelError if none."""
    shapes = tensor_shapes(model)
    height = shapes[model.graph.input[0].name][2]
    if features is None:
        at_stride = [n for n in separators(model.graph) if _stride(shapes.get(n, []), height) == CUT_STRIDE]
        if not at_stride:
            raise ModelError(
                f"no single tensor at stride {CUT_STRIDE} leads from front to tail; name the tensor to cut at"
            )
        features = at_stride[-1]
    if len(shapes.get(features, [])) != 4:
        raise ModelError(f"the model has no tensor {features} of four axes; name one of its feature maps")
    maps = [_map_at(shapes, height, stride) for stride in HEAD_STRIDES]
    return Cut(features, shapes[features][1], (maps[0], maps[1], maps[2]))


def separators(graph: onnx.GraphProto) -> list[str]:
    """List the tensors that alone lead from what is before them to what is after, in order."""
    constants = {t.name for t in graph.initializer}
    last_use: dict[str, int] = {}
    for i, node in enumerate(graph.node):
        last_use |= {name: i for name in node.input if name not in constants}
    open_tensors, found = {graph.input[0].name}, list[str]()
    for i, node in enumerate(graph.node):
        open_tensors |= set(node.output) if node.op_type != "Constant" else set()
        open_tensors -= {name for name in open_tensors if last_use.get(name, -1) <= i}
        if open_tensors == set(node.output):
            found.append(node.output[0])
    return found


def extract_tail(model: onnx.ModelProto, cut: Cut) -> onnx.ModelProto:
    """Return the part from the cut to the maps, with free batch, height and width."""
    inferred = shape_inference.infer_shapes(model)
    tail = Extractor(inferred).extract_model([cut.features], list(cut.maps))
    del tail.graph.value_info[:]  # they hold the shapes of one input size
    del tail.graph.input[:]
    del tail.graph.output[:]
    tail.graph.input.append(_free_tensor("features", cut.features, cut.channels))
    tail.graph.output.extend(_free_tensor(f"map_{i}", name, MAP_CHANNELS) for i, name in enumerate(cut.maps))
    onnx.checker.check_model(tail, full_check=True)
    return tail


def tensor_shapes(model: onnx.ModelProto) -> Shapes:
    """Infer the shapes of all tensors by name; axes that are not fixed are 0."""
    graph = shape_inference.infer_shapes(model).graph
    return _shapes([*graph.input, *graph.value_info, *graph.output])


def _shapes(values: Iterable[onnx.ValueInfoProto]) -> Shapes:
    return {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}


def _stride(shape: list[int], height: int) -> int:
    return height // shape[2] if len(shape) == 4 and shape[2] else 0


def _map_at(shapes: Shapes, height: int, stride: int) -> str:
    names = [
        n for n, s in shapes.items() if len(s) == 4 and s[1] == MAP_CHANNELS and _stride(s, height) == stride
    ]
    if not names:
        raise ModelError(f"the model has no map of {MAP_CHANNELS} channels at stride {stride}, as YOLOX has")
    return names[-1]


def _free_tensor(prefix: str, name: str, channels: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(
        name, TensorProto.FLOAT, ["B", channels, f"{prefix}_h", f"{prefix}_w"]
    )
