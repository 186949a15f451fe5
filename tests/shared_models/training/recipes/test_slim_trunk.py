"""A trunk for several models at once."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from shared_models.bridges.bridge_network import BridgeTrunk, TrunkConfig
from shared_models.packages.package import ModelPackage
from shared_models.training.bridge_fitting import bridge_recipe
from shared_models.training.bridge_plan import BridgePlan, FitConfig
from shared_models.training.recipes.slim_trunk import TRUNK, SlimTrunkRecipe
from tests.tiny_models import write_classifier, write_detector


@pytest.fixture
def recipe(dct_package: ModelPackage, tmp_path: Path) -> SlimTrunkRecipe:
    random = np.random.default_rng(0)
    for i in range(16):
        Image.fromarray(random.integers(0, 256, (48, 64, 3), np.uint8)).save(tmp_path / f"{i}.png")
    trunk = BridgeTrunk(TrunkConfig(hidden_channels=8, inner_channels=4, blocks=1))
    recipes = {}
    for name, write in (("one", write_detector), ("two", write_classifier)):
        plan = BridgePlan.open(dct_package, write(tmp_path / f"{name}.onnx"), tmp_path, FitConfig())
        recipes[name] = bridge_recipe(plan, trunk)
    return SlimTrunkRecipe(trunk, recipes)


def test_models_take_turns_and_all_of_them_teach_the_trunk(recipe: SlimTrunkRecipe) -> None:
    assert set(recipe.networks) == {TRUNK, "one", "two"}
    for name in ("one", "two", "one"):
        recipe.networks.zero_grad()
        loss, figures = recipe.loss(0.5)
        loss.backward()  # type: ignore[no-untyped-call]
        assert all(key.startswith(name) for key in figures)
        other = "two" if name == "one" else "one"
        assert all(p.grad is None or not p.grad.any() for p in recipe.networks[other].parameters())
        assert any(p.grad is not None and p.grad.any() for p in recipe.networks[name].parameters())
    assert torch.isfinite(loss)


def test_turns_go_on_where_they_ended(recipe: SlimTrunkRecipe) -> None:
    recipe.loss(0)
    state = recipe.state_dict()
    assert state["turn"] == 1
    recipe.load_state_dict(state | {"turn": 5})
    _, figures = recipe.loss(0)
    assert any(key.startswith("two") for key in figures)
