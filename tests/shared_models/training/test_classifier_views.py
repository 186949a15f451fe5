import numpy as np
import pytest
from PIL import Image

from shared_models.training.classifier_views import (
    CANVAS_SIDE,
    STRIDE,
    CanvasSource,
    cut,
    paint,
    recoloured,
)
from shared_models.training.picture_cache import build_cache


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> CanvasSource:
    folder = tmp_path_factory.mktemp("views")
    random = np.random.default_rng(1)
    for i, (height, width) in enumerate(((90, 120), (430, 300))):
        noise = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{i}.png")
    return CanvasSource(build_cache(sorted(folder.glob("*.png")), folder / "cache"), [0, 1])


@pytest.mark.parametrize("seed", range(12))
def test_a_canvas_is_whole_cells_and_holds_a_view(source: CanvasSource, seed: int) -> None:
    canvas = source.canvas(288, np.random.default_rng(seed))
    assert all(288 <= size <= CANVAS_SIDE and size % STRIDE == 0 for size in canvas.shape[:2])


def test_the_same_draw_paints_the_same_canvas(source: CanvasSource) -> None:
    first, again = (source.canvas(224, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_a_picture_too_small_for_its_scale_is_stretched_over_the_canvas() -> None:
    picture = np.full((20, 30, 3), 90, np.uint8)
    painted = paint(picture, (64, 96), 0.5, np.random.default_rng(0))
    assert painted.shape == (64, 96, 3)


def test_recolouring_keeps_the_order_of_levels() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    changed = recoloured(ramp, np.random.default_rng(2)).astype(int)
    assert changed.shape == ramp.shape
    assert (np.diff(changed, axis=1) >= 0).all()
    assert (changed != ramp).any()


def test_the_teacher_is_shown_the_square_that_was_cut() -> None:
    canvas = np.zeros((320, 320, 3), np.uint8)
    canvas[32:256, 16:240] = 77
    assert (cut(canvas, 32, 16, 224) == 77).all()
