"""Pictures as models want them, and boxes back in the picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_models.tasks.input_convention import Channels, Fit, InputConvention
from shared_models.tasks.known_conventions import IMAGENET, convention_of


def picture(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@given(
    st.integers(1, 900),
    st.integers(1, 900),
    st.sampled_from(list(Fit)),
    st.sampled_from([(416, 416), (320, 192)]),
)
def test_corners_come_back_to_where_they_were(
    width: int, height: int, fit: Fit, side: tuple[int, int]
) -> None:
    placement = InputConvention(side=side, fit=fit).place(width, height)
    corners = np.array([[0, 0, width, height], [width / 4, height / 3, width / 2, height]], np.float32)
    scale = np.array([placement.scale_x, placement.scale_y] * 2)
    moved = corners * scale + np.array([placement.left, placement.top] * 2)
    np.testing.assert_allclose(placement.to_picture(moved.astype(np.float32)), corners, rtol=1e-4, atol=1e-2)


def test_a_picture_of_the_canvas_is_passed_as_it_is() -> None:
    pixels = picture(32, 24)
    convention = InputConvention(side=(32, 24))
    np.testing.assert_array_equal(convention.prepare(pixels), pixels.transpose(2, 0, 1))


def test_a_letterbox_pads_below_or_around() -> None:
    pixels = np.full((16, 32, 3), 200, np.uint8)
    below = InputConvention(side=(32, 32)).canvas(pixels)
    assert (below[:16] == 200).all()
    assert (below[16:] == 114).all()
    around = InputConvention(side=(32, 32), fit=Fit.LETTERBOX_CENTRED, pad=0).canvas(pixels)
    assert (around[8:24] == 200).all()
    assert not around[:8].any()
    assert not around[24:].any()


def test_a_stretch_fills_the_canvas_and_a_crop_takes_the_middle() -> None:
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, 20:60] = 255
    stretched = InputConvention(side=(32, 32), fit=Fit.STRETCH).canvas(pixels)
    assert stretched[16, 16, 0] == 255
    assert stretched[16, 2, 0] == 0
    assert (InputConvention(side=(32, 32), fit=Fit.CENTRE_CROP).canvas(pixels)[:, 2:-2] == 255).all()


def test_numbers_follow_the_order_of_channels() -> None:
    pixels = np.full((8, 8, 3), (10, 20, 30), np.uint8)
    rgb = convention_of((8, 8), IMAGENET, Channels.RGB, Fit.STRETCH).prepare(pixels)
    bgr = convention_of((8, 8), IMAGENET, Channels.BGR, Fit.STRETCH).prepare(pixels)
    np.testing.assert_allclose(bgr[::-1], rgb, rtol=1e-6)
    assert rgb[0, 0, 0] == pytest.approx((10 - 123.675) / 58.395, rel=1e-5)


def test_a_convention_is_stated_and_survives_json() -> None:
    convention = convention_of((416, 416), IMAGENET, Channels.BGR, Fit.LETTERBOX)
    assert str(convention).startswith("416×416 BGR (x - [103.53, 116.28, 123.675]) / [")
    assert str(InputConvention(side=(8, 4), std=(255.0,) * 3)) == "8×4 RGB 0..1, letterbox"
    assert InputConvention.model_validate_json(convention.model_dump_json()) == convention
