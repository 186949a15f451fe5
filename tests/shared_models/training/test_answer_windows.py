from pathlib import Path

import numpy as np
import pytest
import torch

from shared_models.errors import InputError
from shared_models.training.answer_windows import STRIDES, AnswerWindows, whole
from shared_models.training.feature_cache import FeatureCache, Window, write_features

SIZES = [(64, 96), (96, 64), (32, 128)]  # the last is too low for a window


def ramp(stride: int, size: tuple[int, int], channels: int) -> torch.Tensor:
    """A map whose values tell the pixel row of their cell, the same in every channel."""
    height, width = size[0] // stride, size[1] // stride
    rows = torch.arange(height, dtype=torch.float32) * stride
    return rows.view(1, 1, -1, 1).expand(1, channels, -1, width)


@pytest.fixture
def windows(tmp_path: Path) -> AnswerWindows:
    answers = [
        {f"neck_{s}": ramp(s, size, 2) for s in STRIDES} | {f"map_{s}": ramp(s, size, 85) for s in STRIDES}
        for size in SIZES
    ]
    latents = [{"y": ramp(16, size, 4)} for size in SIZES]
    caches = (write_features(answers, tmp_path / "answers"), write_features(latents, tmp_path / "latents"))
    return AnswerWindows(*caches, sides=(64, 64), seed=0)


def test_all_maps_of_a_window_show_the_same_place(windows: AnswerWindows) -> None:
    batch = windows.batch(8)
    tops = batch.y[:, 0, 0, 0]
    assert set(tops.tolist()) == {0.0, 32.0}
    for level, answer, side in zip(batch.neck, batch.answers, (8, 4, 2), strict=True):
        assert level.shape[2:] == answer.boxes.shape[2:] == (side, side)
        assert (level[:, 0, 0, 0] == tops).all()
        assert (answer.classes[:, 79, 0, 0] == tops).all()


def test_windows_go_on_where_they_were_saved(windows: AnswerWindows) -> None:
    windows.batch(3)
    state = windows.state_dict()
    expected = windows.batch(4).y
    windows.load_state_dict(state)
    torch.testing.assert_close(windows.batch(4).y, expected)


def test_a_window_covers_whole_cells() -> None:
    assert Window(64, 32, 64, 96).on(16) == (slice(4, 8), slice(2, 8))


def test_a_folder_without_features_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no feature cache"):
        FeatureCache(tmp_path)


def test_a_picture_is_cut_to_the_grid() -> None:
    assert whole(np.zeros((100, 77, 3), np.uint8)).shape == (1, 3, 96, 64)
