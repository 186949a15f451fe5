from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from shared_models.bridges.bridge_network import BridgeNetwork, FeatureMap
from shared_models.bridges.yolox import Prediction
from shared_models.bridges.yolox_stages import YoloxStages
from shared_models.codecs.slim.model import SlimModel
from shared_models.errors import InputError
from shared_models.training.detector_views import DetectorViews, ViewConfig
from shared_models.training.picture_cache import build_cache
from shared_models.training.recipes.slim_detect import (
    FEATURES,
    SlimDetectConfig,
    SlimDetectRecipe,
    export_detector,
    load_bridge,
    seen_once,
)

STAGES = {"P4": (128, 16), "P5": (256, 32), "F4": (128, 16), "N3": (64, 8), "N4": (128, 16), "N5": (256, 32)}
TOWERS = {f"{kind}_{i}": (64, 8 * 2**i) for i in range(3) for kind in ("classes", "boxes")}


class Teacher(YoloxStages):
    """Answers anything at the right shapes, and counts what it was shown."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.pictures_seen = 0

    def features(self, x: Tensor) -> Tensor:
        self.pictures_seen += len(x)
        return torch.randn(len(x), 64, x.shape[2] // 8, x.shape[3] // 8)

    def forward(self, P3: Tensor) -> tuple[dict[str, Tensor], list[Prediction]]:
        def of(channels: int, stride: int) -> Tensor:
            return torch.randn(len(P3), channels, P3.shape[2] * 8 // stride, P3.shape[3] * 8 // stride)

        answers = [Prediction(of(80, s), of(1, s), of(4, s)) for s in (8, 16, 32)]
        return {name: of(*shape) for name, shape in (STAGES | TOWERS).items()}, answers


@pytest.fixture
def views(tmp_path: Path) -> DetectorViews:
    Image.fromarray(np.random.default_rng(0).integers(256, size=(64, 96, 3), dtype=np.uint8)).save(
        tmp_path / "a.png"
    )
    pictures = build_cache([tmp_path / "a.png"], tmp_path / "cache")
    return DetectorViews(pictures, ViewConfig(canvases=((64, 96),), shares=(1.0,)))


def recipe_on(views: DetectorViews, config: SlimDetectConfig) -> SlimDetectRecipe:
    return SlimDetectRecipe(views, SlimModel(), BridgeNetwork([FEATURES]), Teacher(), config)


@pytest.fixture
def recipe(views: DetectorViews) -> SlimDetectRecipe:
    return recipe_on(views, SlimDetectConfig(batch=2))


@pytest.mark.slow
@pytest.mark.parametrize(("progress", "parts"), [(0.0, {"tail"}), (0.9, {"tail", "bridge"})])
def test_the_tail_is_trained_first_and_the_bridge_with_it_at_the_end(
    recipe: SlimDetectRecipe, progress: float, parts: set[str]
) -> None:
    loss, figures = recipe.loss(progress)
    loss.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss)
    assert set(figures) == {"objectness", "classes", "box", "P3", *STAGES, *TOWERS}
    trained = {name for name, p in recipe.networks.named_parameters() if p.grad is not None}
    expected = {f"detector.{name}" for name, _ in recipe.detector.named_parameters()}
    assert trained == {name for name in expected if name.split(".")[1] in parts}


@pytest.mark.slow
def test_the_teacher_sees_the_picture_itself_only_towards_the_end(recipe: SlimDetectRecipe) -> None:
    assert isinstance(recipe.teacher, Teacher)
    for progress, expected in ((0.0, 0), (0.9, 2)):
        before = recipe.teacher.pictures_seen
        recipe.loss(progress)
        assert recipe.teacher.pictures_seen - before == expected


@pytest.mark.slow
def test_the_detector_that_is_written_holds_the_averaged_weights(
    recipe: SlimDetectRecipe, tmp_path: Path
) -> None:
    with torch.no_grad():
        for weight in recipe.detector.parameters():
            weight.zero_()
    y_hat = torch.randn(1, 64, 4, 6)
    with torch.no_grad():
        expected = recipe.averaged(y_hat)
    export_detector(recipe.averaged, tmp_path / "detect.onnx")
    maps = onnxruntime.InferenceSession(tmp_path / "detect.onnx").run(None, {"y_hat": y_hat.numpy()})
    for actual, tensor in zip(maps, expected, strict=True):
        np.testing.assert_allclose(actual, tensor.numpy(), atol=1e-4)
        assert np.ptp(actual) > 0


@pytest.mark.slow
def test_a_warm_start_takes_the_averaged_tail_and_keeps_the_bridge_of_its_own_base(
    views: DetectorViews, tmp_path: Path
) -> None:
    earlier = recipe_on(views, SlimDetectConfig(seed=1))
    later = recipe_on(views, SlimDetectConfig(batch=2, is_warm=True))
    enter = later.detector.bridge.trunk.enter.weight.clone()
    torch.save({"averaged": earlier.averaged.state_dict()}, tmp_path / "earlier.pt")
    later.start_tail(tmp_path / "earlier.pt")
    for detector in (later.detector, later.averaged):
        torch.testing.assert_close(detector.tail.state_dict(), earlier.averaged.tail.state_dict())
        torch.testing.assert_close(detector.bridge.trunk.enter.weight, enter)
    assert isinstance(later.teacher, Teacher)
    before = later.teacher.pictures_seen
    later.loss(0.0)
    assert later.teacher.pictures_seen - before == 2  # the picture itself, from the start


def test_the_teacher_is_asked_once_what_is_in_the_pictures(
    tmp_path: Path,
) -> None:
    Image.fromarray(np.zeros((64, 96, 3), np.uint8)).save(tmp_path / "a.png")
    pictures, teacher = build_cache([tmp_path / "a.png"], tmp_path / "cache"), Teacher()
    first = seen_once(pictures, teacher, tmp_path / "run" / "classes.npy")
    again = seen_once(pictures, teacher, tmp_path / "run" / "classes.npy")
    assert teacher.pictures_seen == 1
    np.testing.assert_array_equal(first, again)


def test_the_bridge_of_a_base_is_its_trunk_and_first_head(tmp_path: Path) -> None:
    both = BridgeNetwork([FEATURES, FeatureMap(stride=16, channels=96)])
    torch.save({"bridge": both.state_dict()}, tmp_path / "base.pt")
    bridge = load_bridge(tmp_path / "base.pt")
    framed = torch.randn(1, 66, 4, 5)
    with torch.no_grad():
        torch.testing.assert_close(bridge(framed), both(framed)[:1])


@pytest.mark.parametrize("state", [{}, {"bridge": {}}])
def test_a_base_without_such_a_bridge_is_refused(tmp_path: Path, state: dict[str, dict[str, Tensor]]) -> None:
    torch.save(state, tmp_path / "base.pt")
    with pytest.raises(InputError, match=r"base\.pt holds no bridge into 64 features at stride 8"):
        load_bridge(tmp_path / "base.pt")
