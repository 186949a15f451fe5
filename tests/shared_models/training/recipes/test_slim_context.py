"""The recipe of the entropy models, from pictures to a stored model, on an encoder that knows nothing yet."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="training needs torch, which the `train` extra installs")

import torch

from shared_models.codecs.slim.enhancement import SlimEnhancement
from shared_models.codecs.slim.model import SlimModel
from shared_models.entropy.context import ContextModel
from shared_models.training.datasets import CropSampler
from shared_models.training.picture_cache import build_cache
from shared_models.training.recipes.slim_context import (
    SlimContextConfig,
    SlimContextRecipe,
    factorised,
    loudest_first,
    measure,
    static_tables,
)
from shared_models.training.symbol_pool import SymbolPool, with_noise

QUICK = SlimContextConfig(batch=2, fitting_batches=2, static_batches=1)


@pytest.fixture
def crops(tmp_path: Path) -> CropSampler:
    rng = np.random.default_rng(0)
    for number in range(3):
        small = rng.integers(0, 256, (12, 12, 3)).astype(np.uint8)
        Image.fromarray(small).resize((96, 96), Image.Resampling.BICUBIC).save(tmp_path / f"{number}.png")
    cache = build_cache(sorted(tmp_path.glob("*.png")), tmp_path / "cache")
    return CropSampler(cache, 64, 0)


def test_a_base_model_is_trained_stored_and_decodes_what_it_encodes(crops: CropSampler) -> None:
    torch.manual_seed(0)
    pool = SymbolPool(SlimModel().eval(), None, crops, 4)
    recipe = SlimContextRecipe(pool, loudest_first(pool, None), QUICK)
    loss, figures = recipe.loss(0.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert set(figures) == {f"bits_{number}" for number in range(1, 8)}
    sizes = measure(recipe.export("base_context"), "base_context", pool, (0, 50, 100))
    assert 0 < sizes[0] < sizes[50] < sizes[100]


def test_an_enhancement_model_is_trained_given_the_base(crops: CropSampler) -> None:
    torch.manual_seed(0)
    pool = SymbolPool(SlimModel().eval(), SlimEnhancement().eval(), crops, 4)
    recipe = SlimContextRecipe(pool, loudest_first(pool, None), QUICK)
    recipe.loss(0.0)[0].backward()  # type: ignore[no-untyped-call]
    stored = recipe.export("enh_context")
    model = ContextModel.load("enh_context", stored.tables, stored.networks, stored.known_answers)
    assert (model.channels, model.condition_channels, len(model.passes)) == (192, 64, 9)
    assert measure(stored, "enh_context", pool, (50,))[50] > 0


def test_a_quality_between_two_fitted_ones_takes_the_tables_of_the_nearest(crops: CropSampler) -> None:
    pool = SymbolPool(SlimModel().eval(), None, crops, 2)
    tables, index = static_tables(pool, np.array([3, 7]), (10, 50, 90), batches=1)
    assert len(tables) == 6
    assert index.shape == (101, 2)
    expected = {0: [0, 1], 29: [0, 1], 31: [2, 3], 50: [2, 3], 71: [4, 5], 100: [4, 5]}
    assert {quality: index[quality].tolist() for quality in expected} == expected


def test_the_yardstick_has_no_context(crops: CropSampler) -> None:
    pool = SymbolPool(SlimModel().eval(), None, crops, 2)
    stored = factorised("base_context", pool, batches=1)
    assert not stored.networks
    assert measure(stored, "base_context", pool, (50,))[50] > 0


def test_a_batch_holds_whole_symbols_within_their_qualities(crops: CropSampler) -> None:
    pool = SymbolPool(SlimModel().eval(), SlimEnhancement().eval(), crops, 3)
    batch = pool.batch(5)
    assert batch.cells.shape == (5, 4 * 192, 4, 4)
    assert batch.condition is not None
    assert batch.condition.shape == (5, 64, 4, 4)
    assert torch.equal(batch.cells, batch.cells.round())
    assert 0 <= int(batch.rows.min()) <= int(batch.rows.max()) <= 100


def test_noise_is_blended_into_a_share_of_the_pictures() -> None:
    torch.manual_seed(0)
    x = torch.full((400, 3, 4, 4), 0.5)
    blended = with_noise(x, 0.25)
    changed = int((blended != x).flatten(1).any(dim=1).sum())
    assert 70 <= changed <= 130
    assert 0 <= float(blended.min()) <= float(blended.max()) <= 1
    assert torch.equal(with_noise(x, 0.0), x)
