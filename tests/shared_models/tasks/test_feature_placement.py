"""Features of a picture on a model's canvas: nothing is lost, moved or invented."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_models.tasks.feature_placement import (
    FRAME_PLANES,
    LATENT_STRIDE,
    MARGIN,
    Axis,
    FeaturePlacement,
    fit_pad,
)
from shared_models.tasks.input_convention import Fit, InputConvention

PAD = 7.0


def a_ramp(placement: FeaturePlacement, stride: int) -> np.ndarray:
    """What a bridge would make whose two features are the pixel position of a cell's middle: (1, 2, h, w)."""
    axes = []
    for axis in (placement.x, placement.y):
        before, after = axis.margins
        cells = (axis.cells + before + after) * LATENT_STRIDE // stride
        axes.append((np.arange(cells) + 0.5) * stride - LATENT_STRIDE * before)
    x, y = np.meshgrid(*axes)
    return np.stack([x, y])[None].astype(np.float32)


conventions = st.builds(
    InputConvention,
    side=st.tuples(st.integers(2, 24), st.integers(2, 24)).map(lambda s: (s[0] * 32, s[1] * 32)),
    fit=st.sampled_from(Fit),
)
sizes = st.tuples(st.integers(16, 700), st.integers(16, 700))


@given(convention=conventions, size=sizes, stride=st.sampled_from([8, 16, 32]))
@settings(max_examples=150, deadline=None)
def test_a_cell_of_the_canvas_shows_the_place_in_the_picture_that_lies_under_it(
    convention: InputConvention, size: tuple[int, int], stride: int
) -> None:
    placed = convention.place(*size)
    placement = FeaturePlacement.of(size, convention.side, placed)
    features = a_ramp(placement, min(stride, LATENT_STRIDE))
    width, height = (side // stride for side in convention.side)
    canvas = placement.place(features, np.full((2, height, width), np.nan, np.float32))
    for k, (cells, scale, offset, px) in enumerate(
        [(width, placed.scale_x, placed.left, size[0]), (height, placed.scale_y, placed.top, size[1])]
    ):
        expected = ((np.arange(cells) + 0.5) * stride - offset) / scale
        shown = canvas[0, k, height // 2] if k == 0 else canvas[0, k, :, width // 2]
        reach = max(8.0, stride / scale)  # near the edge a tent is cut off
        inside = (expected > reach) & (expected < px - reach) & np.isfinite(shown)
        assert np.allclose(shown[inside], expected[inside], atol=1e-2 * max(1, px / 100))


@given(convention=conventions, size=sizes)
@settings(max_examples=100, deadline=None)
def test_the_whole_picture_is_on_the_canvas_and_the_far_outside_is_padding(
    convention: InputConvention, size: tuple[int, int]
) -> None:
    placed = convention.place(*size)
    placement = FeaturePlacement.of(size, convention.side, placed)
    ones = np.ones_like(a_ramp(placement, 8))
    canvas_w, canvas_h = convention.side
    canvas = placement.place(ones, np.full((2, canvas_h // 8, canvas_w // 8), PAD, np.float32))
    assert np.all(np.isclose(canvas, 1, atol=1e-5) | np.isclose(canvas, PAD, atol=1e-5))
    x = ((np.arange(canvas_w // 8) + 0.5) * 8 - placed.left) / placed.scale_x
    y = ((np.arange(canvas_h // 8) + 0.5) * 8 - placed.top) / placed.scale_y
    on_picture = np.outer((y >= 0) & (y <= size[1]), (x >= 0) & (x <= size[0]))
    assert np.all(np.isclose(canvas[0, 0][on_picture], 1, atol=1e-5))
    far = LATENT_STRIDE * (MARGIN + 1) + 8 / min(placed.scale_x, placed.scale_y)
    is_far = (y < -far)[:, None] | (y > size[1] + far)[:, None] | (x < -far) | (x > size[0] + far)
    assert np.all(canvas[0, 0][is_far] == PAD)


def test_a_picture_as_large_as_the_canvas_is_taken_as_it_is() -> None:
    placement = FeaturePlacement(Axis(64, 64), Axis(48, 64))
    features = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    canvas = placement.place(features, np.full((3, 8, 8), PAD, np.float32))
    assert np.array_equal(canvas, features)  # a margin of one cell reaches the canvas's end


def test_framed_latents_say_what_is_picture_and_what_is_canvas() -> None:
    placement = FeaturePlacement(Axis(40, 40), Axis(24, 96))
    framed = placement.frame(np.ones((1, 5, 2, 3), np.float32))
    assert framed.shape == (1, 5 + FRAME_PLANES, 2 + MARGIN, 3)
    assert framed[0, :5, 2:].sum() == 0
    assert framed[0, 5].tolist() == [[1, 1, 0.5], [0.5, 0.5, 0.25], [0, 0, 0], [0, 0, 0]]
    assert framed[0, 6].tolist() == [[1, 1, 0.5]] * 4


@pytest.mark.parametrize("size", [(3, 4), (6, 8), (9, 20)])
def test_padding_of_another_size_keeps_its_borders_and_repeats_its_middle(size: tuple[int, int]) -> None:
    pad = np.zeros((1, 6, 8), np.float32)
    pad[:, 0], pad[:, -1], pad[:, :, 0], pad[:, :, -1] = 1, 2, 3, 4
    fitted = fit_pad(pad, *size)
    assert fitted.shape == (1, *size)
    assert np.all(fitted[0, 0, 1:-1] == 1)
    assert np.all(fitted[0, -1, 1:-1] == 2)
    assert np.all(fitted[0, :, 0] == 3)
    assert np.all(fitted[0, :, -1] == 4)
    assert np.all(fitted[0, 1:-1, 1:-1] == 0)
