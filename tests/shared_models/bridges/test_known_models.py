"""The models at hand: cut, split exactly, and run in torch as ONNX Runtime runs them."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from shared_models.bridges.extraction import extract
from shared_models.bridges.free_shapes import run
from shared_models.bridges.model_graph import ModelGraph, inspect_model
from shared_models.bridges.model_reading import example
from shared_models.bridges.onnx_module import OnnxModule
from shared_models.bridges.split import split

MODELS = {
    "yolox_nano_416": ("input.175",),
    "nanodet_m_416": ("492",),
    "mobilenet_v2_224": None,
    "deeplab_cityscapes_513": None,
    "deeplab_voc_513": None,
    "yolov8n_int8_640": ("/model.4/cv2/act/Mul_output_0",),
}
FREE = {"yolox_nano_416", "nanodet_m_416", "mobilenet_v2_224"}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=MODELS)
def graph(request: pytest.FixtureRequest, shared_data: Path) -> ModelGraph:
    path = shared_data.parent / "weights" / f"{request.param}.onnx"
    if not path.exists():
        pytest.skip(f"no model at {path}")
    return inspect_model(path)


@pytest.fixture(scope="module")
def picture(graph: ModelGraph) -> np.ndarray:
    return example(graph.input, graph.side) * 255


def test_the_best_cut_is_a_map_at_stride_8(graph: ModelGraph) -> None:
    best, wanted = graph.best(), MODELS[Path(graph.name).stem]
    assert best.strides == (8,)
    assert wanted in (None, best.tensors)


def test_front_and_tail_give_the_same_bits_as_the_whole(graph: ModelGraph, picture: np.ndarray) -> None:
    whole = run(graph.exported, [picture])
    for cut in graph.candidates:
        parts = split(graph, cut)
        for a, b in zip(run(parts.tail, run(parts.front, [picture])), whole, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_tail_is_static_only_where_the_file_says_sizes(graph: ModelGraph) -> None:
    parts = split(graph, graph.best())
    assert parts.tail_is_static == (Path(graph.name).stem not in FREE)
    assert bool(parts.why) == parts.tail_is_static


@torch.no_grad()
def test_torch_computes_what_onnx_runtime_does(graph: ModelGraph, picture: np.ndarray) -> None:
    if "int8" in graph.name:  # a rounding that falls the other way moves the ranges of all that follow
        first = next(cut for cut in graph.finder.all() if cut.strides == (8,)).tensors
        outputs, tolerance = first, 1e-2
    else:
        outputs, tolerance = graph.outputs, 1e-4
    module = OnnxModule(graph.model, [graph.image], outputs)
    expected = run(_watched(graph, outputs), [picture])
    for a, b in zip(module(torch.from_numpy(picture)), expected, strict=True):
        assert np.abs(a.numpy() - b).max() <= tolerance * max(1e-6, np.abs(b).max())


@torch.no_grad()
def test_a_batch_is_pictures_by_themselves(graph: ModelGraph, picture: np.ndarray) -> None:
    module = OnnxModule(graph.model, [graph.image], graph.outputs)
    other = np.ascontiguousarray(picture[:, :, ::-1])
    both = module(torch.from_numpy(np.concatenate([picture, other])))
    for pair, alone in zip(both, module(torch.from_numpy(picture)), strict=True):
        torch.testing.assert_close(pair[:1], alone, rtol=1e-3, atol=1e-3)


def _watched(graph: ModelGraph, outputs: tuple[str, ...]) -> onnx.ModelProto:
    return extract(graph.exported, [graph.image], outputs, graph.shapes, graph.finder.types)
