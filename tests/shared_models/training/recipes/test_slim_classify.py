import numpy as np
import pytest
import torch
from PIL import Image

from shared_models.bridges.classifier_teacher import ClassifierTeacher
from shared_models.codecs.slim.model import SlimModel
from shared_models.training.classifier_views import ViewSource
from shared_models.training.picture_cache import build_cache
from shared_models.training.recipes.slim_classify import (
    SlimClassifyConfig,
    SlimClassifyRecipe,
    agreement,
    divergence,
)
from tests.shared_models.bridges.teachers import write_teacher


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> SlimClassifyRecipe:
    folder = tmp_path_factory.mktemp("classify")
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "0.png")
    teacher = ClassifierTeacher(write_teacher(folder / "teacher.onnx"))
    source = ViewSource(build_cache([folder / "0.png"], folder / "cache"), [0], teacher, SlimModel().eval())
    return SlimClassifyRecipe(
        source, SlimClassifyConfig(fresh=4, again=2, cells=(6,), memory=16, statistics_views=8)
    )


def test_every_weight_learns(recipe: SlimClassifyRecipe) -> None:
    recipe.networks.zero_grad(set_to_none=True)
    loss, figures = recipe.loss(0.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(np.isfinite(figure) for figure in figures.values())
    idle = [name for name, p in recipe.networks.named_parameters() if p.grad is None]
    assert idle == []


def test_the_draw_goes_on_where_its_state_was_taken(recipe: SlimClassifyRecipe) -> None:
    state = recipe.state_dict()
    first = recipe.random.random()
    recipe.load_state_dict(state)
    assert recipe.random.random() == first


def test_divergence_and_agreement_are_best_for_the_teachers_own_logits() -> None:
    logits = torch.randn(5, 10, generator=torch.Generator().manual_seed(0))
    assert divergence(logits + 3, logits).item() == pytest.approx(0, abs=1e-6)
    assert divergence(-logits, logits).item() > 0
    assert agreement(logits, logits) == 1.0
    assert agreement(-logits, logits) < 1.0
