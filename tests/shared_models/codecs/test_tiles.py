"""Pictures made in tiles are the pictures made at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_models.codecs.backend import BackendOptions, Network
from shared_models.codecs.pictures import to_pixels
from shared_models.codecs.tiles import FULL_TILING, PREVIEW_TILING, Tiling, run_decoder, spans
from shared_models.packages.package import ModelPackage
from shared_models.packages.registry import builtin_package


@given(cells=st.integers(1, 300), tile=st.integers(1, 60), margin=st.integers(0, 12))
def test_tiles_cover_every_cell_once_and_see_a_margin_on_each_side(
    cells: int, tile: int, margin: int
) -> None:
    found = list(spans(cells, Tiling(tile, margin)))
    assert [index for span in found for index in range(span.start, span.stop)] == list(range(cells))
    for span in found:
        assert span.low == (0 if span.start == 0 else max(span.start - margin, 0))
        assert span.high == (cells if span.stop == cells else min(span.stop + margin, cells))


def test_a_preview_of_common_size_is_one_tile() -> None:
    assert len(list(spans(1024 // 16, PREVIEW_TILING))) == 1
    assert len(list(spans(4096 // 16, FULL_TILING))) == -(-256 // FULL_TILING.tile_cells)


@pytest.mark.parametrize(("width", "height"), [(160, 96), (151, 83), (16, 170)])
def test_many_small_tiles_make_the_same_picture(dct_package: ModelPackage, width: int, height: int) -> None:
    network = Network(dct_package.read("full"), "full", BackendOptions())
    random = np.random.default_rng(0)
    h, w = -(-height // 16), -(-width // 16)
    y_hat = random.standard_normal((1, 64, h, w)).astype(np.float32)
    e_hat = random.standard_normal((1, 192, 2 * h, 2 * w)).astype(np.float32) / np.float32(8)
    gain = np.ones((1, 192), np.float32)
    (whole,) = network.run(y_hat, e_hat, gain)
    picture = run_decoder(network, [y_hat, e_hat], [gain], width, height, Tiling(3, 1))
    assert np.array_equal(picture, to_pixels(whole, width, height))


@pytest.mark.parametrize(("part", "tiling"), [("preview", PREVIEW_TILING), ("full", FULL_TILING)])
def test_the_margins_cover_what_the_shipped_decoders_see(part: str, tiling: Tiling) -> None:
    network = Network(builtin_package().read(part), part, BackendOptions())
    random = np.random.default_rng(0)
    cells = tiling.tile_cells // 4
    h, w = 12, 2 * cells + tiling.margin_cells
    y_hat = random.standard_normal((1, 64, h, w)).astype(np.float32)
    maps = [y_hat]
    if part == "full":
        maps.append(random.standard_normal((1, 192, 2 * h, 2 * w)).astype(np.float32) / np.float32(8))
    constants = [np.full((1, 192), 20, np.float32)] if part == "full" else []
    whole = run_decoder(network, maps, constants, 16 * w, 16 * h, Tiling(max(h, w), 0))
    tiled = run_decoder(network, maps, constants, 16 * w, 16 * h, Tiling(cells, tiling.margin_cells))
    assert np.abs(whole.astype(int) - tiled).max() <= 1, "one level, where a value lies between two"
