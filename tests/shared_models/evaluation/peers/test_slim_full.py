import numpy as np
import pytest

from shared_models.evaluation.peers.catalogue import CodecOptions, make_codec
from shared_models.evaluation.peers.slim_full import SlimFull
from shared_models.frames import Pixels, psnr_db
from shared_models.packages.package import ModelPackage


@pytest.fixture
def pixels() -> Pixels:
    x, y = np.meshgrid(np.arange(50), np.arange(41))
    return np.stack([5 * x, 6 * y, 128 + 100 * np.sin(x / 5)], axis=2).astype(np.uint8)


def test_a_full_picture_comes_back_from_the_bytes_alone(dct_package: ModelPackage, pixels: Pixels) -> None:
    codec = make_codec("slim-full", CodecOptions(str(dct_package.path)))
    assert isinstance(codec, SlimFull)
    low, high = (codec.encode(pixels, quality) for quality in (10, 90))
    assert len(low) < len(high)
    assert psnr_db(codec.decode(low, 50, 41), pixels) < psnr_db(codec.decode(high, 50, 41), pixels)


def test_its_layers_are_told_apart(dct_package: ModelPackage, pixels: Pixels) -> None:
    codec = SlimFull.open(str(dct_package.path))
    low, high = (codec.layer_bytes(codec.encode(pixels, quality)) for quality in (10, 90))
    assert low.base == high.base
    assert low.enhancement < high.enhancement
