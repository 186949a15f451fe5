from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared_models.errors import InputError
from shared_models.training.datasets import CropSampler
from shared_models.training.picture_cache import PictureCache, build_cache, cached_pictures, picture_paths


@pytest.fixture
def cache(tmp_path: Path) -> PictureCache:
    random = np.random.default_rng(0)
    for i, size in enumerate([(40, 60, 3), (20, 64, 3), (50, 33, 3)]):
        Image.fromarray(random.integers(0, 256, size, np.uint8)).save(tmp_path / f"{i}.png")
    return build_cache(picture_paths([tmp_path]), tmp_path / "cache")


def test_pictures_come_back_as_they_were(cache: PictureCache, tmp_path: Path) -> None:
    for i in range(3):
        np.testing.assert_array_equal(cache[i], np.asarray(Image.open(tmp_path / f"{i}.png")))


def test_a_folder_without_a_cache_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no whole picture cache"):
        PictureCache(tmp_path)


def test_a_cache_is_built_once_and_opened_from_then_on(cache: PictureCache, tmp_path: Path) -> None:
    folder = tmp_path / "other" / "pictures"
    built = cached_pictures(tmp_path, folder)
    assert [place.name for place in built.places] == [place.name for place in cache.places]
    assert cached_pictures(tmp_path / "absent", folder).places == built.places


def test_crops_have_one_size_even_where_pictures_are_smaller(cache: PictureCache) -> None:
    batch = CropSampler(cache, 32, seed=0).batch(6)
    assert batch.shape == (6, 3, 32, 32)
    assert 0 <= batch.min() <= batch.max() <= 1


def test_a_sampler_goes_on_where_it_was_saved(cache: PictureCache) -> None:
    first = CropSampler(cache, 32, seed=0)
    first.batch(2)
    state = first.state_dict()
    second = CropSampler(cache, 32, seed=1)
    second.load_state_dict(state)
    np.testing.assert_array_equal(first.batch(4).numpy(), second.batch(4).numpy())
