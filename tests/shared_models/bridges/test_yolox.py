from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from shared_models.bridges.latent_detector import DetectorTail, TailConfig
from shared_models.bridges.model_graph import inspect_model
from shared_models.bridges.onnx_module import OnnxModule, read_onnx
from shared_models.bridges.yolox import FrozenYolox
from shared_models.bridges.yolox_stages import YoloxStages
from shared_models.errors import ModelError
from tests.shared_models.bridges.graphs import detector_like

YOLOX = Path(__file__).parents[4] / "shared" / "weights" / "yolox_nano_416.onnx"
needs_yolox = pytest.mark.skipif(not YOLOX.exists(), reason=f"no YOLOX at {YOLOX}")


@pytest.mark.slow
@needs_yolox
@torch.no_grad()
def test_yolox_in_torch_answers_as_it_does_in_onnx_runtime() -> None:
    x = np.random.default_rng(0).random((1, 3, 416, 416), np.float32) * 255
    (expected,) = onnxruntime.InferenceSession(YOLOX).run(None, {"images": x})
    (actual,) = OnnxModule(read_onnx(YOLOX), ["images"], ["output"])(torch.from_numpy(x))
    np.testing.assert_allclose(actual.numpy(), expected, atol=1e-3)


@pytest.mark.slow
@needs_yolox
@torch.no_grad()
def test_its_parts_agree_and_its_cut_is_found() -> None:
    yolox, stages, x = FrozenYolox(YOLOX), YoloxStages(YOLOX), torch.rand(1, 3, 64, 96)
    pyramid, by_tail = yolox.pyramid_and_heads(yolox.features(x))
    features, by_stages = stages(stages.features(x))
    assert [level.shape[1] for level in pyramid] == [64, 128, 256]
    torch.testing.assert_close([features["P4"], features["P5"]], pyramid[1:])
    for a, b in zip(by_tail, by_stages, strict=True):
        torch.testing.assert_close(a.maps(), b.maps())
    assert inspect_model(YOLOX).best().tensors == ("input.175",)


@pytest.mark.slow
@needs_yolox
@torch.no_grad()
def test_our_tail_has_every_stage_of_the_teacher_at_its_shape() -> None:
    teacher, P3 = YoloxStages(YOLOX), torch.rand(2, 64, 8, 12)
    stages, predictions = teacher(P3)
    seen: dict[str, torch.Size] = {}

    def see(name: str, features: torch.Tensor) -> torch.Tensor:
        seen[name] = features.shape
        return features

    ours = DetectorTail(TailConfig())(P3, see)
    assert seen == {name: features.shape for name, features in stages.items()}
    assert [p.maps().shape for p in ours] == [p.maps().shape for p in predictions]


def test_a_model_without_yolox_heads_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.onnx").write_bytes(detector_like().SerializeToString())
    with pytest.raises(ModelError, match=r"has no weight head\.cls_preds\.0\.weight"):
        FrozenYolox(tmp_path / "other.onnx")
