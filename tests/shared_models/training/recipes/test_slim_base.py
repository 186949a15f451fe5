from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from shared_models.bridges.mobilenet import FrozenMobilenet
from shared_models.bridges.yolox import FrozenYolox
from shared_models.training.picture_cache import PictureCache, build_cache, picture_paths
from shared_models.training.recipes.slim_base import SlimBaseConfig, SlimBaseRecipe

WEIGHTS = Path(__file__).parents[5] / "shared" / "weights"
YOLOX, MOBILENET = WEIGHTS / "yolox_nano_416.onnx", WEIGHTS / "mobilenet_v2_224.onnx"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (YOLOX.exists() and MOBILENET.exists()), reason=f"no teachers in {WEIGHTS}"),
]


@pytest.fixture
def pictures(tmp_path: Path) -> PictureCache:
    random = np.random.default_rng(0)
    for i in range(3):
        Image.fromarray(random.integers(0, 256, (80, 96, 3), np.uint8)).save(tmp_path / f"{i}.png")
    return build_cache(picture_paths([tmp_path]), tmp_path / "cache")


@pytest.mark.parametrize("progress", [0.0, 0.9])
def test_a_step_teaches_encoder_gains_prior_preview_and_bridges(
    pictures: PictureCache, progress: float
) -> None:
    teachers = FrozenYolox(YOLOX), FrozenMobilenet(MOBILENET)
    recipe = SlimBaseRecipe(pictures, *teachers, SlimBaseConfig(crop=64, shares=(1, 1, 1)))
    loss, figures = recipe.loss(progress)
    loss.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss)
    assert (figures["heads"] > 0) == (progress == 0.9)
    assert figures["classes"] > 0
    model = recipe.model
    for part in (model.encoder, model.gains, model.prior, model.preview, *recipe.bridge.heads):
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())
