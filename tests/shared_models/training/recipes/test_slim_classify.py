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
    spread_of,
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


def test_help_ends_before_training_does(recipe: SlimClassifyRecipe) -> None:
    shares = [recipe.help_share(progress) for progress in (0.0, 0.15, 0.3, 1.0)]
    assert shares == pytest.approx([0.4, 0.2, 0.0, 0.0])


@pytest.mark.parametrize("progress", [0.0, 1.0])
def test_every_weight_learns_with_help_and_the_whole_chain_without(
    recipe: SlimClassifyRecipe, progress: float
) -> None:
    recipe.networks.zero_grad(set_to_none=True)
    loss, figures = recipe.loss(progress)
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(np.isfinite(figure) for figure in figures.values())
    learning = {name: p.grad is not None for name, p in recipe.networks.named_parameters()}
    assert all(learning.values()), [name for name, learns in learning.items() if not learns]


def test_a_spread_brings_a_target_to_mean_zero_and_variance_one() -> None:
    target = np.random.default_rng(0).normal((3.0, -5.0), (2.0, 0.5), (500, 2)).astype(np.float32)
    standard = spread_of(target, "cpu").standard(torch.from_numpy(target))
    torch.testing.assert_close(standard.mean(dim=0), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(standard.std(dim=0), torch.ones(2), atol=1e-4, rtol=0)


def test_divergence_and_agreement_are_best_for_the_teachers_own_logits() -> None:
    logits = torch.randn(5, 10, generator=torch.Generator().manual_seed(0))
    assert divergence(logits + 3, logits).item() == pytest.approx(0, abs=1e-6)
    assert divergence(-logits, logits).item() > 0
    assert agreement(logits, logits) == 1.0
    assert agreement(-logits, logits) < 1.0
