"""Models nobody has seen: read, cut, split and run in torch."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from shared_models.bridges.free_shapes import run
from shared_models.bridges.model_graph import ModelGraph, inspect_model
from shared_models.bridges.model_reading import example
from shared_models.bridges.onnx_module import OnnxModule
from shared_models.bridges.split import exposed_levels, score_tensors, split
from shared_models.errors import ModelError
from tests.shared_models.bridges import stand_ins as models
from tests.shared_models.bridges.graphs import detector_like

MODELS: dict[str, Callable[[Path], Path]] = {
    "anchor-free": lambda path: models.export(path, models.AnchorFree()),
    "anchors": lambda path: models.export(path, models.Anchors()),
    "queries": lambda path: models.export(path, models.Queries()),
    "dense": lambda path: models.export(path, models.Dense()),
    "classifier": lambda path: models.export(path, models.Classifier()),
    "free-canvas": lambda path: models.export(
        path, models.Anchors(), dynamic_axes={"image": {0: "B", 2: "H", 3: "W"}}
    ),
    "bytes": lambda path: models.export(
        path, models.ChannelsLast(), torch.zeros(1, models.SIDE, models.SIDE, 3, dtype=torch.uint8)
    ),
}
SIDE = (models.SIDE, models.SIDE)


@pytest.fixture(scope="module", params=MODELS)
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return MODELS[request.param](tmp_path_factory.mktemp("models") / f"{request.param}.onnx")


@pytest.fixture(scope="module")
def graph(path: Path) -> ModelGraph:
    return inspect_model(path, None if "free" not in path.name else SIDE)


def whole_model(path: Path, picture: np.ndarray) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options)
    (image,) = session.get_inputs()
    x = picture.astype(np.uint8) if "uint8" in image.type else picture
    outputs: list[np.ndarray] = session.run(None, {image.name: x})
    return outputs


def test_every_cut_gives_what_the_whole_gives(path: Path, graph: ModelGraph) -> None:
    picture = example(graph.input, graph.side)
    expected = whole_model(path, picture)
    assert graph.candidates
    for cut in graph.candidates:
        parts = split(graph, cut)
        actual = run(parts.tail, run(parts.front, [picture]))
        for a, b in zip(actual, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * max(1, np.abs(b).max()))


def test_the_executor_gives_what_onnx_runtime_gives(path: Path, graph: ModelGraph) -> None:
    picture = example(graph.input, graph.side)
    module = OnnxModule(graph.model, [graph.image], graph.outputs)
    for a, b in zip(module(torch.from_numpy(picture)), whole_model(path, picture), strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-4, atol=1e-5 * max(1, np.abs(b).max()))


def test_gradients_of_all_scores_reach_the_cut_for_a_batch(graph: ModelGraph) -> None:
    cut = graph.best()
    tail = OnnxModule(graph.model, cut.tensors, score_tensors(graph))
    batch = 2 if graph.takes_batches else 1
    features = [
        torch.randn(batch, level.channels, level.height, level.width, requires_grad=True)
        for level in cut.levels
    ]
    total = torch.stack([(output * torch.randn_like(output)).sum() for output in tail(*features)]).sum()
    for gradient in torch.autograd.grad(total, features):
        assert gradient.abs().sum() > 0


def test_a_batch_is_free_but_where_attention_has_written_it_down(graph: ModelGraph) -> None:
    assert graph.takes_batches or graph.name == "queries.onnx"


def test_a_stride_8_tensor_comes_first_and_its_work_is_counted(graph: ModelGraph) -> None:
    best = graph.best()
    assert best.strides == (8,)
    assert 0 < best.front_macs < graph.macs
    assert "stride 8" in str(best)


def test_what_lies_deeper_is_exposed(graph: ModelGraph) -> None:
    strides = {level.stride for level in exposed_levels(graph, graph.best())}
    assert {16, 32} <= strides


def test_a_pyramid_can_be_cut_at_its_backbone(tmp_path: Path) -> None:
    graph = inspect_model(MODELS["anchors"](tmp_path / "x.onnx"))
    assert (8, 16, 32) in [cut.strides for cut in graph.candidates if not cut.goes_up]


def test_a_grid_written_into_the_file_keeps_the_tail_on_its_canvas(tmp_path: Path) -> None:
    graph = inspect_model(MODELS["anchor-free"](tmp_path / "x.onnx"))
    parts = split(graph, graph.best())
    assert parts.tail_is_static
    assert parts.takes_batches
    assert "does not take other sizes" in parts.why


def test_a_tail_of_plain_layers_takes_any_batch_and_canvas(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    onnx.save(detector_like(), path)
    graph = inspect_model(path)
    parts = split(graph, graph.best())
    assert not parts.tail_is_static
    (level,) = graph.best().levels
    features = np.random.default_rng(0).random((3, level.channels, 20, 12), np.float32)
    expected = OnnxModule(detector_like(), [level.name], graph.outputs)(torch.from_numpy(features))
    for a, b in zip(run(parts.tail, [features]), expected, strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-4, atol=1e-5)


def test_teaching_stops_before_suppression(tmp_path: Path) -> None:
    path = models.export(tmp_path / "ssd.onnx", models.Dense(), outputs=["boxes", "chances"])
    onnx.save(models.with_suppression(onnx.load(path)), path)
    graph = inspect_model(path)
    assert {"boxes", "chances"} <= set(score_tensors(graph))
    parts = split(graph, graph.best())
    picture = example(graph.input, graph.side)
    for a, b in zip(run(parts.tail, run(parts.front, [picture])), whole_model(path, picture), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    module = OnnxModule(graph.model, graph.best().tensors, score_tensors(graph))
    assert all(torch.isfinite(scores).all() for scores in module(torch.randn(1, 16, 12, 12)))


def test_a_half_precision_model_is_read_in_float32(tmp_path: Path) -> None:
    class Half(models.Classifier):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x)

    path = models.export(tmp_path / "half.onnx", Half().half(), torch.rand(1, 3, *SIDE).half())
    graph = inspect_model(path)
    (scores,) = run(graph.exported, [example(graph.input, graph.side)])
    assert scores.dtype == np.float32
    assert graph.best().strides == (8,)


def test_a_cut_of_ones_own_is_checked(graph: ModelGraph) -> None:
    finder = graph.finder
    deep = [level for level in finder.levels() if level.stride == 8]
    assert graph.candidate(graph.best().tensors).tensors == graph.best().tensors
    with pytest.raises(ModelError, match="no tensor 'elsewhere'"):
        graph.candidate(["elsewhere"])
    flat = next((n for n in finder.flow.producer if len(graph.shapes[n]) not in {0, 4}), None)
    if flat is not None:
        with pytest.raises(ModelError, match="no feature map"):
            graph.candidate([flat])
    branch = [level for level in deep if len(finder.flow.frontier(finder.flow.front([level.name]))) > 1]
    for level in branch[:1]:
        with pytest.raises(ModelError, match=r"do not separate the model: .* leads past"):
            graph.candidate([level.name])


def one_node_model(kind: str, inputs: list[onnx.ValueInfoProto]) -> onnx.ModelProto:
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    nodes = [helper.make_node(kind, [value.name for value in inputs], ["y"])]
    graph = helper.make_graph(nodes, "one", inputs, [output])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def picture_input(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def test_bad_models_are_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    with pytest.raises(ModelError, match="cannot be read"):
        inspect_model(path)
    for content in (b"\xff" * 64, b"", b"no model"):
        path.write_bytes(content)
        with pytest.raises(ModelError, match="no ONNX model"):
            inspect_model(path)
    onnx.save(one_node_model("Relu", [picture_input("tokens", 1, 128)]), path)
    with pytest.raises(ModelError, match=r"no input for a picture .* tokens \[1, 128\]"):
        inspect_model(path)
    pair = [picture_input("left", 1, 3, 64, 64), picture_input("right", 1, 3, 64, 64)]
    onnx.save(one_node_model("Add", pair), path)
    with pytest.raises(ModelError, match="several pictures"):
        inspect_model(path)
    extra = [picture_input("image", 1, 3, 64, 64), picture_input("threshold", 1)]
    onnx.save(one_node_model("Add", extra), path)
    with pytest.raises(ModelError, match="an input 'threshold'"):
        inspect_model(path)


def test_an_input_with_all_axes_free_takes_planes_first(tmp_path: Path) -> None:
    axes = {"image": {0: "B", 1: "C", 2: "H", 3: "W"}}
    graph = inspect_model(models.export(tmp_path / "x.onnx", models.Classifier(), dynamic_axes=axes), SIDE)
    assert graph.shapes["image"] == [1, 3, *SIDE]


def test_a_model_without_a_cut_says_so(tmp_path: Path) -> None:
    onnx.save(
        one_node_model("GlobalAveragePool", [picture_input("image", 1, 3, 64, 64)]), tmp_path / "x.onnx"
    )
    graph = inspect_model(tmp_path / "x.onnx")
    with pytest.raises(ModelError, match="cannot be cut: no set of one to four feature maps"):
        graph.best()


def test_a_canvas_that_the_model_cannot_take_is_refused(tmp_path: Path) -> None:
    fixed = models.export(tmp_path / "fixed.onnx", models.Classifier())
    with pytest.raises(ModelError, match="takes pictures of 96×96 only"):
        inspect_model(fixed, (64, 64))
    nodes = [
        helper.make_node("Reshape", ["image", "flat"], ["row"]),
        helper.make_node("MatMul", ["row", "weight"], ["y"]),
    ]
    constants = [
        helper.make_tensor("flat", TensorProto.INT64, [2], [1, -1]),
        helper.make_tensor("weight", TensorProto.FLOAT, [75, 2], [0.0] * 150),
    ]
    free = helper.make_graph(
        nodes, "rows", [picture_input("image", 1, 3, "H", "W")], [picture_input("y", 1, 2)], constants
    )
    onnx.save(helper.make_model(free, ir_version=8), tmp_path / "free.onnx")
    with pytest.raises(ModelError, match="does not run on pictures of none of the sides that are common"):
        inspect_model(tmp_path / "free.onnx")
