"""The yardsticks reach the quality that is asked of them, at the lowest price."""

import numpy as np
import pytest

from console.demo.peers import h264_cost, still_cost
from shared_models.evaluation.peers.catalogue import CodecOptions, make_codec
from shared_models.evaluation.peers.codec import Missing
from shared_models.frames import Pixels


def scene(shift: int) -> Pixels:
    rows, columns = np.mgrid[0:96, 0:128]
    waves = 128 + 60 * np.sin((columns + shift) / 7) + 50 * np.cos(rows / 11)
    return np.stack([waves, waves[::-1], waves[:, ::-1]], axis=-1).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["jpeg", "avif"])
def test_a_better_picture_costs_a_still_codec_more_bytes(name: str) -> None:
    codec = make_codec(name, CodecOptions())
    assert not isinstance(codec, Missing)
    frames = [scene(0), scene(40)]
    worse, better = (still_cost(name, codec, frames, [target] * 2) for target in (30.0, 38.0))
    assert worse.psnr_db >= 30
    assert better.psnr_db >= 38
    assert worse.bytes_per_frame < better.bytes_per_frame
    assert not better.is_floor


def test_h264_reaches_the_target_and_says_when_even_its_worst_is_better() -> None:
    clip = [scene(shift) for shift in range(6)]
    reached = h264_cost(clip, 10.0, 32.0)
    assert reached.psnr_db >= 32
    assert not reached.is_floor
    assert h264_cost(clip, 10.0, 5.0).is_floor
