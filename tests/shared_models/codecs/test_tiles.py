"""Pictures made in tiles are the pictures made at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_models.codecs import tiles
from shared_models.codecs.backend import BackendOptions, Network
from shared_models.codecs.pictures import to_pixels
from shared_models.codecs.tiles import MARGIN_CELLS, TILE_CELLS, run_decoder, spans
from shared_models.packages.package import ModelPackage


@given(cells=st.integers(1, 300))
def test_tiles_cover_every_cell_once_and_see_a_margin_on_each_side(cells: int) -> None:
    found = list(spans(cells))
    assert [index for span in found for index in range(span.start, span.stop)] == list(range(cells))
    for span in found:
        assert span.low == (0 if span.start == 0 else span.start - MARGIN_CELLS)
        assert span.high == (cells if span.stop == cells else min(span.stop + MARGIN_CELLS, cells))


def test_a_frame_of_common_size_is_one_tile() -> None:
    assert len(list(spans(1024 // 16))) == 1
    assert len(list(spans(4096 // 16))) == -(-256 // TILE_CELLS)


@pytest.mark.parametrize(("width", "height"), [(160, 96), (151, 83), (16, 170)])
def test_many_small_tiles_make_the_same_picture(
    dct_package: ModelPackage, monkeypatch: pytest.MonkeyPatch, width: int, height: int
) -> None:
    monkeypatch.setattr(tiles, "TILE_CELLS", 3)
    monkeypatch.setattr(tiles, "MARGIN_CELLS", 1)
    network = Network(dct_package.read("full"), "full", BackendOptions())
    random = np.random.default_rng(0)
    h, w = -(-height // 16), -(-width // 16)
    y_hat = random.standard_normal((1, 64, h, w)).astype(np.float32)
    e_hat = random.standard_normal((1, 192, 2 * h, 2 * w)).astype(np.float32) / np.float32(8)
    gain = np.ones((1, 192), np.float32)
    (whole,) = network.run(y_hat, e_hat, gain)
    picture = run_decoder(network, [y_hat, e_hat], [gain], width, height)
    assert np.array_equal(picture, to_pixels(whole, width, height))
