from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared_models.errors import InputError
from shared_models.evaluation.latency.scenes import fit, make_frames


@pytest.mark.parametrize("size", [(64, 48), (48, 64), (100, 16)])
def test_frames_are_brought_to_exactly_the_size(size: tuple[int, int]) -> None:
    for frame in fit(make_frames(None, 2), size):
        assert frame.shape == (size[1], size[0], 3)
        assert frame.dtype == np.uint8


def test_the_synthetic_scene_moves() -> None:
    first, second = make_frames(None, 2)
    assert np.array_equal(first[:, 3:], second[:, :-3])
    assert not np.array_equal(first, second)


def test_a_clip_with_too_few_frames_is_refused(tmp_path: Path) -> None:
    for number in range(2):
        Image.new("RGB", (32, 32), (number, 0, 0)).save(tmp_path / f"{number}.png")
    assert len(make_frames(tmp_path, 2)) == 2
    with pytest.raises(InputError, match="has 2 frames and 3"):
        make_frames(tmp_path, 3)
