from pathlib import Path

import pytest
import torch

from shared_models.codecs.slim.classifier import (
    GRID,
    MAP_CHANNELS,
    InvertedResidual,
    LatentClassifierNet,
    centre_square,
    load_classifier,
)
from shared_models.errors import InputError


@pytest.fixture(scope="module")
def net() -> LatentClassifierNet:
    return LatentClassifierNet(first_width=16, first_blocks=1).eval()


@pytest.mark.parametrize(("h", "w", "side"), [(1, 1, 1), (2, 9, 1), (16, 16, 14), (18, 26, 15), (30, 20, 17)])
def test_the_centre_is_seven_eighths_of_the_short_side_in_whole_cells(h: int, w: int, side: int) -> None:
    y_hat = torch.arange(h * w, dtype=torch.float32).reshape(1, 1, h, w)
    centre = centre_square(y_hat)
    assert centre.shape == (1, 1, side, side)
    assert centre[0, 0, 0, 0] == ((h - side) // 2) * w + (w - side) // 2


def test_latents_of_any_size_give_a_thousand_logits(net: LatentClassifierNet) -> None:
    with torch.no_grad():
        for h, w in ((1, 1), (3, 7), (20, 26)):
            assert net(torch.randn(2, 64, h, w)).shape == (2, 1000)


def test_every_stage_hands_on_a_map_that_the_next_one_takes(net: LatentClassifierNet) -> None:
    sides = (GRID, GRID, GRID // 2, GRID // 2)
    with torch.no_grad():
        given, along = net.first(torch.randn(2, 64, 17, 17))
        shapes = [given.shape]
        for stage in net.stages:
            given, along = stage(given, along)
            shapes.append(given.shape)
    assert shapes == [(2, channels, side, side) for channels, side in zip(MAP_CHANNELS, sides, strict=True)]


def test_a_block_is_added_to_its_input_only_where_shapes_allow() -> None:
    assert InvertedResidual(8, 16, 8).is_residual
    assert not InvertedResidual(8, 16, 8, stride=2).is_residual
    assert not InvertedResidual(8, 16, 12).is_residual


def test_what_lies_outside_the_centre_does_not_matter(net: LatentClassifierNet) -> None:
    y_hat = torch.randn(1, 64, 16, 24)
    changed = y_hat.clone()
    changed[:, :, :, :5], changed[:, :, 0] = 9.0, -9.0
    with torch.no_grad():
        torch.testing.assert_close(net(y_hat), net(changed))


def test_a_checkpoint_of_something_else_is_named(tmp_path: Path) -> None:
    torch.save({"enhancement": {}}, tmp_path / "latest.pt")
    with pytest.raises(InputError, match="no checkpoint of the classifier"):
        load_classifier(tmp_path / "latest.pt")
