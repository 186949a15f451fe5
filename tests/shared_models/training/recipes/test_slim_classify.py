import numpy as np
import pytest
import torch
from PIL import Image

from shared_models.bridges.bridge_network import TrunkConfig
from shared_models.bridges.classifier_teacher import ClassifierTeacher
from shared_models.bridges.latent_classifier import ClassifierTail, LatentClassifierNetwork, TailConfig
from shared_models.bridges.mobilenet import FrozenMobilenet
from shared_models.codecs.slim.model import SlimModel
from shared_models.training.classifier_views import CanvasSource
from shared_models.training.picture_cache import build_cache
from shared_models.training.recipes.slim_classify import SlimClassifyConfig, SlimClassifyRecipe, Teachers
from shared_models.training.recipes.slim_classify_tail import SlimClassifyTailConfig, SlimClassifyTailRecipe
from tests.shared_models.bridges.teachers import write_teacher

Recipe = SlimClassifyRecipe | SlimClassifyTailRecipe


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> tuple[CanvasSource, ClassifierTeacher]:
    folder = tmp_path_factory.mktemp("classify")
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "0.png")
    source = CanvasSource(build_cache([folder / "0.png"], folder / "cache"), [0])
    return source, ClassifierTeacher(write_teacher(folder / "teacher.onnx"))


@pytest.fixture(scope="module")
def whole(
    taught: tuple[CanvasSource, ClassifierTeacher], tmp_path_factory: pytest.TempPathFactory
) -> SlimClassifyRecipe:
    network = FrozenMobilenet(write_teacher(tmp_path_factory.mktemp("network") / "teacher.onnx"))
    sizes = TailConfig(channels=16, inner_channels=8, blocks=(1, 1))
    pupil = LatentClassifierNetwork(tail=ClassifierTail(TrunkConfig().hidden_channels, sizes))
    source, eye = taught
    config = SlimClassifyConfig(fresh=4, batch=6, cells=(6,), first_views=4, memory=16)
    return SlimClassifyRecipe(pupil, SlimModel().eval(), source, Teachers(network, eye), config)


@pytest.fixture(scope="module", params=["tail", "whole"])
def recipe(
    request: pytest.FixtureRequest,
    taught: tuple[CanvasSource, ClassifierTeacher],
    whole: SlimClassifyRecipe,
) -> Recipe:
    config = SlimClassifyTailConfig(fresh=2, batch=4, memory=16, statistics_views=4)
    return whole if request.param == "whole" else SlimClassifyTailRecipe(*taught, config)


def test_every_weight_learns(recipe: Recipe) -> None:
    recipe.networks.zero_grad(set_to_none=True)
    loss, figures = recipe.loss(0.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(np.isfinite(figure) for figure in figures.values())
    idle = [n for n, p in recipe.networks.named_parameters() if p.requires_grad and p.grad is None]
    assert idle == []


def test_the_bridge_stays_as_the_base_left_it(whole: SlimClassifyRecipe) -> None:
    assert not any(weight.requires_grad for weight in whole.pupil.bridge.parameters())


def test_the_target_of_the_classes_moves_from_the_bridges_features_to_the_picture(
    whole: SlimClassifyRecipe,
) -> None:
    state, rng = whole.state_dict(), torch.get_rng_state()
    losses = []
    for progress in (0.0, 1.0):
        whole.load_state_dict(state)
        torch.set_rng_state(rng)
        losses.append(whole.loss(progress)[0].item())
    assert losses[0] != losses[1]


def test_the_draw_goes_on_where_its_state_was_taken(recipe: Recipe) -> None:
    state = recipe.state_dict()
    first = recipe.random.random()
    recipe.load_state_dict(state)
    assert recipe.random.random() == first


def test_a_view_is_remembered_with_what_the_teacher_says_of_the_same_place(whole: SlimClassifyRecipe) -> None:
    memory = whole.memories[6]
    batch = memory.batch(np.arange(len(memory)))
    assert batch["latents"].shape[1:] == (64, 6, 6)
    assert torch.isfinite(batch["latents"]).all()
    assert batch["logits"].abs().max() > 0
