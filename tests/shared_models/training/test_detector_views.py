import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shared_models.training.detector_views import DetectorViews, ViewConfig, place
from shared_models.training.picture_cache import PictureCache, build_cache

CENTRE = np.array([0.5, 0.5])
SMALL = ViewConfig(canvases=((64, 96), (96, 64)), shares=(0.5, 0.5), recoloured=0.0)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> PictureCache:
    folder = tmp_path_factory.mktemp("pictures")
    for i, (height, width) in enumerate([(40, 60), (60, 40), (30, 90)]):
        Image.fromarray(np.full((height, width, 3), 50 * (i + 1), np.uint8)).save(folder / f"{i}.png")
    return build_cache(sorted(folder.glob("*.png")), folder / "cache")


def test_a_batch_is_one_canvas_of_pictures_in_the_unit_range(pictures: PictureCache) -> None:
    batch = DetectorViews(pictures, SMALL).batch(5)
    assert tuple(batch.shape) in {(5, 3, 64, 96), (5, 3, 96, 64)}
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert 0 <= float(batch.min()) <= float(batch.max()) <= 1


def test_portraits_are_shown_upright(pictures: PictureCache) -> None:
    views = DetectorViews(pictures, SMALL)
    for batch in (views.batch(4) for _ in range(10)):
        upright = batch.shape[2] > batch.shape[3]
        seen = set(np.rint(batch.numpy() * 255).astype(int).flat)
        assert (seen == {100}) if upright else (100 not in seen)


def test_a_picture_is_shown_as_often_as_it_is_told_to_be(pictures: PictureCache) -> None:
    whole = ViewConfig(canvases=((32, 96),), shares=(1.0,), whole=1.0, mosaics=0.0, recoloured=0.0)
    views = DetectorViews(pictures, whole, repeats=np.array([1.0, 1.0, 2.5]))
    shown = [int(np.rint(views.batch(1)[0, 0, 0, 0].item() * 255)) for _ in range(70)]
    assert shown.count(150) / shown.count(50) == pytest.approx(2.5, abs=0.2)
    assert 100 not in shown  # an upright one


def test_a_recoloured_view_has_other_values_in_the_unit_range(pictures: PictureCache) -> None:
    config = ViewConfig(canvases=((32, 96),), shares=(1.0,), recoloured=1.0)
    batch = DetectorViews(pictures, config).batch(8)
    assert 0 <= float(batch.min()) <= float(batch.max()) <= 1
    assert len(torch.unique(batch)) > 8


def test_views_go_on_where_they_were_saved(pictures: PictureCache) -> None:
    views = DetectorViews(pictures, SMALL)
    views.batch(3)
    state = views.state_dict()
    expected = views.batch(4)
    views.load_state_dict(state)
    torch.testing.assert_close(views.batch(4), expected)


def test_a_small_picture_begins_at_the_top_left_and_goes_on_by_its_edge() -> None:
    pixels = np.zeros((10, 10, 3), np.uint8)
    pixels[:, 9] = 200
    view = place(pixels, (12, 16), 1.0, CENTRE)
    assert (view[:10, :9] == 0).all()
    assert (view[:, 9:] == 200).all()


def test_a_large_picture_is_cut_where_it_is_told() -> None:
    columns = np.broadcast_to(np.arange(100, dtype=np.uint8)[None, :, None], (50, 100, 3)).copy()
    left, right = (place(columns, (50, 20), 1.0, np.array([0.0, at])) for at in (0.0, 1.0))
    assert left[0, 0, 0] == 0
    assert right[0, -1, 0] == 99


@given(
    st.tuples(st.integers(8, 80), st.integers(8, 80)), st.floats(0.3, 3.0), st.floats(0, 1), st.floats(0, 1)
)
def test_every_picture_fills_its_canvas(sides: tuple[int, int], scale: float, y: float, x: float) -> None:
    view = place(np.full((*sides, 3), 77, np.uint8), (32, 48), scale, np.array([y, x]))
    assert view.shape == (32, 48, 3)
    assert (view == 77).all()
