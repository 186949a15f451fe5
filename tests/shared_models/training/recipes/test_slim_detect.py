from pathlib import Path

import pytest
import torch
from torch import Tensor

from shared_models.bridges.feature_bridge import BridgeConfig, FeatureBridge
from shared_models.codecs.slim.model import SlimModel
from shared_models.training.answer_windows import STRIDES, AnswerWindows
from shared_models.training.feature_cache import write_features
from shared_models.training.recipes.slim_detect import NECK_CHANNELS, SlimDetectConfig, SlimDetectRecipe

SIDE = 64


@pytest.fixture
def windows(tmp_path: Path) -> AnswerWindows:
    torch.manual_seed(0)

    def maps() -> dict[str, Tensor]:
        necks = zip(STRIDES, NECK_CHANNELS, strict=True)
        return {f"neck_{s}": torch.randn(1, C, SIDE // s, SIDE // s) for s, C in necks} | {
            f"map_{s}": torch.randn(1, 85, SIDE // s, SIDE // s) for s in STRIDES
        }

    answers = write_features([maps(), maps()], tmp_path / "answers")
    latents = write_features([{"y": torch.randn(1, 64, 4, 4)}] * 2, tmp_path / "latents")
    return AnswerWindows(answers, latents, (SIDE, SIDE), seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("train_bridge", [False, True])
def test_the_bridge_is_trained_only_when_the_base_is_final(
    windows: AnswerWindows, train_bridge: bool
) -> None:
    base = {"model": SlimModel().state_dict(), "bridge": FeatureBridge(BridgeConfig()).state_dict()}
    config = SlimDetectConfig(window=(SIDE, SIDE), batch=2, train_bridge=train_bridge)
    recipe = SlimDetectRecipe(windows, base, config)
    loss, _ = recipe.loss(0.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss)
    assert all(p.grad is not None for p in recipe.detector.tail.heads.parameters())
    assert any(p.grad is not None for p in recipe.detector.bridge.parameters()) == train_bridge
