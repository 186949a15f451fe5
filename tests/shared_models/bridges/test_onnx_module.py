from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from onnx import helper

from shared_models.bridges.onnx_module import OnnxModule, read_onnx
from shared_models.errors import ModelError
from tests.shared_models.bridges.graphs import detector_like

MAPS = ["map8", "map16", "map32"]


def test_a_graph_computes_in_torch_what_it_does_in_onnx_runtime() -> None:
    model = detector_like()
    x = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(MAPS, {"image": x})
    for actual, truth in zip(OnnxModule(model, ["image"], MAPS)(torch.from_numpy(x)), expected, strict=True):
        np.testing.assert_allclose(actual.numpy(), truth, atol=1e-5)


def test_front_and_tail_together_are_the_whole() -> None:
    model, x = detector_like(), torch.rand(2, 3, 96, 64)
    whole = OnnxModule(model, ["image"], MAPS)(x)
    tail = OnnxModule(model, ["front"], MAPS)(*OnnxModule(model, ["image"], ["front"])(x))
    for a, b in zip(whole, tail, strict=True):
        torch.testing.assert_close(a, b)


def test_gradients_reach_the_input_and_no_weight() -> None:
    tail = OnnxModule(detector_like(), ["front"], MAPS)
    features = torch.rand(1, 6, 8, 8, requires_grad=True)
    sum(m.sum() for m in tail(features)).backward()
    assert features.grad is not None
    assert features.grad.abs().sum() > 0
    assert not list(tail.parameters())


def test_gates_are_fused() -> None:
    assert len(OnnxModule(detector_like(), ["image"], ["front"]).steps) == 4  # two convolutions, two SiLU


def test_an_unknown_operator_is_named() -> None:
    model = detector_like()
    model.graph.node[1].CopyFrom(helper.make_node("Det", ["stem.c"], ["stem.s"], name="odd"))
    with pytest.raises(ModelError, match=r"operator Det \(node odd\) cannot be run in torch"):
        OnnxModule(model, ["image"], MAPS)


def test_a_tensor_that_does_not_follow_is_named() -> None:
    with pytest.raises(ModelError, match="tensor image does not follow from P4"):
        OnnxModule(detector_like(), ["P4"], ["map8"])


def test_bytes_that_are_no_onnx_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"\xff" * 64)
    with pytest.raises(ModelError, match=r"x\.onnx"):
        read_onnx(tmp_path / "x.onnx")
