"""Reading somebody's ONNX model and bringing it to a plain form: one canvas, folded constants, float32.

ONNX Runtime itself tidies: its basic optimisation folds constants, float16 weights behind casts and the
arithmetic of shapes, and its result is ONNX again.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from shared_models.bridges.graph_cost import shapes_by_running
from shared_models.bridges.precision import feed_floats, widen
from shared_models.codecs.backend import TensorSpec
from shared_models.errors import ModelError
from shared_models.tasks.image_input import ImageInput, Side, side_in, size_value

SIDES_TRIED: Final[tuple[Side, ...]] = ((640, 640), (416, 416), (320, 320), (224, 224))
"""Of an input with free axes about which the file says nothing."""


@dataclass(frozen=True, slots=True)
class TidyModel:
    """A model of one picture on one canvas."""

    model: onnx.ModelProto
    """In float32 throughout; an input of bytes takes their values as floats."""
    image: ImageInput
    """As the file has it."""
    side: Side
    """Width and height of the canvas."""
    shapes: Mapping[str, Sequence[int]]
    """Of every tensor, as it ran."""


def read_onnx(path: Path) -> onnx.ModelProto:
    """Read an ONNX file; raise ModelError where it is missing or no ONNX."""
    try:
        model = onnx.load(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}; give an ONNX file") from error
    except Exception as error:  # protobuf's DecodeError derives from Exception alone
        raise ModelError(f"{path} is no ONNX model") from error
    if not model.graph.node or not model.graph.output:
        raise ModelError(f"{path} is no ONNX model: it holds no graph")
    return model


def read_tidy(path: Path, side: Side | None = None) -> TidyModel:
    """Read a model and fix its canvas: the file's, else `side`, else the first common one that runs.

    Raises ModelError for a file that is no ONNX, has no input of one picture, or runs on no canvas.
    """
    model = read_onnx(path)
    _drop_weights_from_inputs(model.graph)
    image = ImageInput.of([_spec(value) for value in model.graph.input], path.name)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if image.side is not None and side not in (None, image.side):
        width, height = image.side
        raise ModelError(f"{path.name} takes pictures of {width}×{height} only; leave the side out")
    stated = image.side or side or side_in(metadata)
    refusal = ""
    for candidate in (stated,) if stated else SIDES_TRIED:
        try:
            return _tidy(model, image, candidate)
        except _RefusedError as error:
            refusal = str(error)
    tried = f"{stated[0]}×{stated[1]}" if stated else "none of the sides that are common"
    raise ModelError(f"{path.name} does not run on pictures of {tried}: {refusal}; say its side")


class _RefusedError(Exception):
    """ONNX Runtime does not take the graph."""


def _tidy(model: onnx.ModelProto, image: ImageInput, side: Side) -> TidyModel:
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    _fix_inputs(fixed.graph, image, side)
    widen(fixed.graph)
    feed_floats(fixed.graph, image.spec.name)
    del fixed.graph.value_info[:]  # they may hold names for axes that are numbers now
    tidied = optimised(fixed)
    try:
        shapes = shapes_by_running(tidied, [example(image, side)])
    except ModelError as error:
        raise _RefusedError(str(error)) from error
    return TidyModel(tidied, image, side, shapes)


def example(image: ImageInput, side: Side, batch: int = 1) -> NDArray[np.float32]:
    """Return noise in the shape of a tidied model's input, 0..1, or whole numbers for one of bytes."""
    width, height = side
    shape = (batch, height, width, 3) if image.is_channels_last else (batch, 3, height, width)
    noise = np.random.default_rng(0).random(shape, np.float32)
    return np.floor(noise * 256) if image.is_whole else noise


def optimised(model: onnx.ModelProto) -> onnx.ModelProto:
    """Let ONNX Runtime fold what is constant; raise _RefusedError in its words."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory(prefix="slimstream-onnx-") as scratch:
        target = Path(scratch) / "tidy.onnx"
        options.optimized_model_filepath = str(target)
        try:
            onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
            return onnx.load(target)
        except Exception as error:  # ONNX Runtime's own classes share no root but Exception
            raise _RefusedError(str(error).strip().partition("\n")[0]) from error


def _drop_weights_from_inputs(graph: onnx.GraphProto) -> None:
    """Undo what files before IR version 4 had to do: name weights among the inputs."""
    weights = {tensor.name for tensor in graph.initializer}
    kept = [value for value in graph.input if value.name not in weights]
    del graph.input[:]
    graph.input.extend(kept)


def _fix_inputs(graph: onnx.GraphProto, image: ImageInput, side: Side) -> None:
    """Give the image its canvas at batch 1, and the other inputs their values."""
    width, height = side
    shape = [1, height, width, 3] if image.is_channels_last else [1, 3, height, width]
    kept = next(value for value in graph.input if value.name == image.spec.name)
    fixed = helper.make_tensor_value_info(kept.name, kept.type.tensor_type.elem_type, shape)
    del graph.input[:]
    graph.input.append(fixed)
    graph.initializer.extend(numpy_helper.from_array(size_value(o, side), o.name) for o in image.others)
    for output in graph.output:
        output.type.tensor_type.ClearField("shape")


def _spec(value: onnx.ValueInfoProto) -> TensorSpec:
    tensor = value.type.tensor_type
    return TensorSpec(
        value.name,
        tuple(axis.dim_value for axis in tensor.shape.dim),
        np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type)),
    )


def input_names(node: onnx.NodeProto) -> Sequence[str]:
    """Return what a node reads: its inputs, and what the graphs inside it (If, Loop) take from outside."""
    names = [name for name in node.input if name]
    for attribute in node.attribute:
        for graph in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
            made = {t.name for t in graph.initializer} | {i.name for i in graph.input}
            for inner in graph.node:
                names.extend(name for name in input_names(inner) if name not in made)
                made.update(inner.output)
            names.extend(o.name for o in graph.output if o.name not in made)
    return names
