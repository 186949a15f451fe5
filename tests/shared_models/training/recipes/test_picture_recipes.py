import numpy as np
import pytest
import torch
from PIL import Image

from shared_models.codecs.slim.enhancement_config import EnhancementConfig
from shared_models.codecs.slim.model import SlimModel
from shared_models.training.picture_cache import PictureCache, build_cache
from shared_models.training.recipes.slim_enhancement import SlimEnhancementConfig, SlimEnhancementRecipe
from shared_models.training.recipes.slim_preview import SlimPreviewConfig, SlimPreviewRecipe
from shared_models.training.trainer import Recipe

SMALL = EnhancementConfig(context_hidden=16, refine_hidden=8, refine_blocks=1)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> PictureCache:
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(1)
    for i in range(3):
        coarse = random.integers(0, 256, (12, 14, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((112, 96), Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    return build_cache(sorted(folder.glob("*.png")), folder / "cache")


def base() -> SlimModel:
    """Make the same untrained base every time."""
    torch.manual_seed(7)
    return SlimModel().eval()


def enhancement_recipe(pictures: PictureCache) -> SlimEnhancementRecipe:
    config = SlimEnhancementConfig(crop=32, batch=2, enhancement=SMALL)
    return SlimEnhancementRecipe(pictures, base(), config)


def preview_recipe(pictures: PictureCache) -> SlimPreviewRecipe:
    return SlimPreviewRecipe(pictures, base(), SlimPreviewConfig(crop=32, batch=2))


def test_the_full_decoder_starts_where_plain_dct_coding_is(pictures: PictureCache) -> None:
    _, figures = enhancement_recipe(pictures).loss(0.0)
    assert figures
    assert all(abs(gained) < 0.1 for gained in figures.values())  # bfloat16 is not exact


def test_steps_along_the_gradient_mend_what_rounding_took(pictures: PictureCache) -> None:
    recipe = enhancement_recipe(pictures)
    order, random = recipe.state_dict(), torch.get_rng_state()
    optimiser = torch.optim.Adam(recipe.networks.parameters(), lr=3e-3)
    losses = []
    for _ in range(6):  # on the same crops at the same qualities
        recipe.load_state_dict(order)
        torch.set_rng_state(random)
        optimiser.zero_grad()
        loss, _ = recipe.loss(0.0)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("make", [enhancement_recipe, preview_recipe])
def test_a_recipe_goes_on_with_the_crops_where_it_stopped(make: object, pictures: PictureCache) -> None:
    assert callable(make)
    recipe: Recipe = make(pictures)
    recipe.loss(0.0)
    order, random = recipe.state_dict(), torch.get_rng_state()
    expected = recipe.loss(0.1)[0].item()
    again: Recipe = make(pictures)
    again.load_state_dict(order)
    torch.set_rng_state(random)
    again.networks.load_state_dict(recipe.networks.state_dict())
    assert again.loss(0.1)[0].item() == pytest.approx(expected, rel=1e-4)


def test_training_the_preview_leaves_the_base_as_it_is(pictures: PictureCache) -> None:
    recipe = preview_recipe(pictures)
    loss, figures = recipe.loss(0.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert figures["psnr"] > 0
    assert all(weight.grad is None for weight in recipe.base.encoder.parameters())
    assert all(weight.grad is not None for weight in recipe.networks.parameters())
