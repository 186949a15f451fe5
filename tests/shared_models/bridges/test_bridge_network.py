"""The bridge network."""

import numpy as np
import onnxruntime
import pytest
import torch

from shared_models.bridges.bridge_files import export_network
from shared_models.bridges.bridge_network import BridgeNetwork, BridgeTrunk, FeatureMap, TrunkConfig
from shared_models.errors import ModelError
from shared_models.tasks.feature_placement import FRAME_PLANES

SMALL = TrunkConfig(latent_channels=6, hidden_channels=8, inner_channels=4, blocks=2)


@torch.no_grad()
def test_each_head_makes_its_map_at_its_stride_and_begins_with_its_mean() -> None:
    targets = [FeatureMap(4, 3), FeatureMap(8, 70), FeatureMap(16, 5), FeatureMap(32, 9)]
    network = BridgeNetwork(targets, BridgeTrunk(SMALL))
    network.head(1).mean.fill_(2)
    maps = network(torch.randn(2, 6 + FRAME_PLANES, 5, 7))
    sizes = [(2, 3, 20, 28), (2, 70, 10, 14), (2, 5, 5, 7), (2, 9, 5, 7)]
    assert [tuple(m.shape) for m in maps] == sizes  # coarser than latents: made at 16, placed at 32
    bias = network.head(1).leave.bias
    assert bias is not None
    assert torch.all(maps[1] == bias.view(1, -1, 1, 1) + 2)


def test_a_stride_that_no_head_makes_is_refused() -> None:
    with pytest.raises(ModelError, match="not 2; choose another cut"):
        BridgeNetwork([FeatureMap(2, 3)], BridgeTrunk(SMALL))


@torch.no_grad()
def test_an_exported_bridge_takes_any_batch_and_grid() -> None:
    network = BridgeNetwork([FeatureMap(8, 4), FeatureMap(16, 5)], BridgeTrunk(SMALL)).eval()
    graph = export_network(network, {"framed": torch.randn(1, 8, 4, 6)}, ["a", "b"])
    framed = torch.randn(3, 8, 5, 3)
    made = onnxruntime.InferenceSession(graph).run(None, {"framed": framed.numpy()})
    for actual, expected in zip(made, network(framed), strict=True):
        np.testing.assert_allclose(actual, expected.numpy(), atol=1e-5)
