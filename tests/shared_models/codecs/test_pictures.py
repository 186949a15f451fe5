"""Pictures to tensors and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_models.codecs.pictures import check_pixels, padded, to_pixels, to_tensor
from shared_models.errors import InputError


@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 99))
def test_a_picture_survives_the_way_to_a_tensor_and_back(height: int, width: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    tensor = to_tensor(pixels, 16)
    assert tensor.dtype == np.float32
    assert tensor.flags.c_contiguous
    assert tensor.shape == (1, 3, padded(height, 16), padded(width, 16))
    assert np.array_equal(to_pixels(tensor, width, height), pixels)


def test_padding_repeats_the_right_and_bottom_edges() -> None:
    pixels = np.zeros((17, 16, 3), np.uint8)
    pixels[16] = 255
    assert (to_tensor(pixels, 16)[0, :, 16:] == 1).all()


def test_what_a_network_gives_beyond_the_range_is_clipped() -> None:
    tensor = np.array([[[[-1.0, 2.0]], [[0.5, 0.25]], [[np.nan, 1.0]]]], np.float32)
    with np.errstate(invalid="ignore"):
        assert to_pixels(tensor, 2, 1)[0, :, :2].tolist() == [[0, 128], [255, 64]]


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((32, 32), np.uint8),
        np.zeros((32, 32, 4), np.uint8),
        np.zeros((32, 32, 3), np.float32),
        np.zeros((15, 32, 3), np.uint8),
        np.zeros((32, 65, 3), np.uint8),
    ],
)
def test_what_is_no_picture_of_a_known_size_is_refused(pixels: np.ndarray) -> None:
    with pytest.raises(InputError, match="picture"):
        check_pixels(pixels, 16, 64)
