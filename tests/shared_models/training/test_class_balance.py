from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn

from shared_models.bridges.yolox import Prediction
from shared_models.bridges.yolox_stages import YoloxStages
from shared_models.training.class_balance import COMMON_SHARE, REPEATS_MAX, repeat_factors, seen_classes
from shared_models.training.picture_cache import build_cache


class Brightness(YoloxStages):
    """Sees class 0 in dark pictures and class 1 in bright ones."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.sides: list[tuple[int, ...]] = []

    def features(self, x: Tensor) -> Tensor:
        self.sides.append(tuple(x.shape[2:]))
        return x.mean(dim=(1, 2, 3), keepdim=True)

    def forward(self, P3: Tensor) -> tuple[dict[str, Tensor], list[Prediction]]:
        bright = (P3 - 0.5) * 40
        classes, objectness = torch.cat([-bright, bright], dim=1), torch.full_like(P3, 9.0)
        return {}, [Prediction(classes, objectness, torch.zeros(1, 4, 1, 1))]


def test_the_teacher_is_shown_whole_pictures_of_the_size_that_counts(tmp_path: Path) -> None:
    for name, value, size in (("a", 20, (208, 100)), ("b", 230, (100, 416))):
        Image.fromarray(np.full((*size, 3), value, np.uint8)).save(tmp_path / f"{name}.png")
    pictures, teacher = build_cache(sorted(tmp_path.glob("*.png")), tmp_path / "cache"), Brightness()
    np.testing.assert_array_equal(seen_classes(pictures, teacher), [[True, False], [False, True]])
    assert teacher.sides == [(416, 224), (128, 416)]


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_a_picture_is_shown_at_least_once_and_never_too_often(rows: list[tuple[bool, bool, bool]]) -> None:
    factors = repeat_factors(np.array(rows))
    assert factors.shape == (len(rows),)
    assert 1 <= factors.min() <= factors.max() <= REPEATS_MAX


def test_a_picture_is_repeated_for_the_rarest_class_in_it() -> None:
    seen = np.zeros((1000, 3), bool)
    seen[:, 0] = True
    seen[:25, 1] = True
    seen[:1, 2] = True
    factors = repeat_factors(seen)
    assert factors[0] == REPEATS_MAX
    assert factors[1] == pytest.approx((COMMON_SHARE / 0.025) ** 0.5)
    assert factors[500] == 1
