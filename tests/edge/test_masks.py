"""What is masked is gone; the rest is untouched."""

import numpy as np

from edge.masks import MaskPainter

LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def noise(height: int = 48, width: int = 64) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 100, (height, width, 3), np.uint8)


def test_masked_pixels_become_grey_and_the_rest_stays() -> None:
    before = noise()
    after = MaskPainter([LEFT_HALF]).paint(before.copy())
    assert (after[:, :32] == 127).all()
    assert (after[:, 34:] == before[:, 34:]).all()


def test_a_mask_covers_what_it_touches_at_any_size() -> None:
    painter = MaskPainter([((0.25, 0.25), (0.75, 0.25), (0.5, 0.75))])
    for height, width in ((48, 64), (480, 640), (17, 31)):
        after = painter.paint(noise(height, width))
        assert (after[round(height * 0.4), width // 2] == 127).all()
        assert (after[0, 0] < 100).all()


def test_the_whole_picture_can_be_masked() -> None:
    everything = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    assert (MaskPainter([everything]).paint(noise()) == 127).all()


def test_a_picture_that_may_not_be_changed_is_copied() -> None:
    locked = noise()
    locked.flags.writeable = False
    assert (MaskPainter([LEFT_HALF]).paint(locked)[:, :32] == 127).all()
    assert (locked < 100).all()


def test_without_masks_nothing_is_copied() -> None:
    pixels = noise()
    assert MaskPainter([]).paint(pixels) is pixels
