import pytest
import torch
from torch import nn

from shared_models.bridges.detector_bridge import DetectorBridge, DetectorBridgeConfig, keep_strongest
from shared_models.bridges.feature_bridge import BridgeConfig, FeatureBridge
from shared_models.layers.residual import ResidualBlock

DEAD = -1e3  # a bias below which no activation of these tests comes


def block_with_living(channels: int, living: list[int]) -> ResidualBlock:
    block = ResidualBlock(channels)
    nn.init.normal_(block.second.weight, std=0.1)
    assert block.first.bias is not None
    block.first.bias.data.fill_(DEAD)
    block.first.bias.data[living] = 0.0
    return block


@torch.no_grad()
@pytest.mark.parametrize("kept", [3, 5])
def test_a_block_keeps_its_function_if_all_living_channels_are_kept(kept: int) -> None:
    torch.manual_seed(0)
    block, t = block_with_living(8, living=[1, 4, 6]), torch.rand(2, 8, 6, 7)
    narrow = ResidualBlock(8, kept)
    keep_strongest(narrow, block, t)
    torch.testing.assert_close(narrow(t), block(t))


@torch.no_grad()
def test_a_bridge_begins_as_the_one_it_takes_over() -> None:
    torch.manual_seed(0)
    bridge = FeatureBridge(BridgeConfig(latent_channels=4, hidden_channels=8, feature_channels=6, blocks=2))
    for i, living in enumerate(([0], [2, 5])):
        bridge.at_16[i] = block_with_living(8, living)
    config = DetectorBridgeConfig(4, 8, inner_channels=(1, 2), feature_channels=6, fresh_blocks=1)
    mine, y_hat = DetectorBridge(config), torch.randn(2, 4, 5, 6)
    mine.start_from(bridge, y_hat)
    torch.testing.assert_close(mine(y_hat), bridge(y_hat))
