"""Trying conventions on photographs: another one has to be clearly better."""

import numpy as np
import pytest

from shared_models.frames import Pixels
from shared_models.tasks.convention_trial import choose_convention
from shared_models.tasks.input_convention import Array, Channels, InputConvention
from shared_models.tasks.layouts.class_maps import ClassMapsLayout

RGB = InputConvention(side=(16, 16))
BGR = RGB.model_copy(update={"channels": Channels.BGR})
LAYOUT = ClassMapsLayout(names=(), classes=2, at=0, axis=1)


@pytest.mark.parametrize(("certainty", "chosen"), [(0.75, RGB), (2.0, BGR)])
def test_a_map_that_is_a_little_more_like_its_mirror_image_is_not_enough(
    certainty: float, chosen: InputConvention
) -> None:
    def run(convention: InputConvention, pixels: Pixels) -> list[Array]:
        sure = certainty if convention == BGR else 0.5
        logits = np.zeros((1, 2, 16, 16), np.float32)
        logits[:, 0] = 2 * sure
        return [logits]

    photographs = [np.zeros((16, 16, 3), np.uint8)] * 4
    assert choose_convention(run, LAYOUT, RGB, [BGR], photographs) == chosen
