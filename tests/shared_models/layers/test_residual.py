import pytest
import torch

from shared_models.layers.residual import Bottleneck, ResidualBlock, SlimmableBottleneck


@pytest.mark.parametrize("block", [ResidualBlock, Bottleneck])
def test_a_fresh_block_passes_activations_through(block: type[ResidualBlock | Bottleneck]) -> None:
    x = torch.rand(1, 8, 5, 6)
    torch.testing.assert_close(block(8)(x), x)


def test_a_fresh_bottleneck_passes_activations_through_at_every_width() -> None:
    block = SlimmableBottleneck([4, 8])
    for index, channels in enumerate((4, 8)):
        x = torch.rand(1, channels, 5, 6)
        torch.testing.assert_close(block(x, index), x)
