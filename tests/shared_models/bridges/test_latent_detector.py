import numpy as np
import onnxruntime
import pytest
import torch

from shared_models.bridges.bridge_files import export_network
from shared_models.bridges.bridge_network import BridgeNetwork, BridgeTrunk, FeatureMap, TrunkConfig
from shared_models.bridges.latent_detector import LatentDetectorNetwork, TailConfig


@pytest.fixture(scope="module")
def detector() -> LatentDetectorNetwork:
    torch.manual_seed(0)
    trunk = BridgeTrunk(TrunkConfig(hidden_channels=16, inner_channels=4, blocks=1))
    bridge = BridgeNetwork([FeatureMap(stride=8, channels=6)], trunk)
    torch.nn.init.normal_(bridge.head(0).leave.weight)  # as after training, not blind
    return LatentDetectorNetwork(bridge, TailConfig(channels=(6, 8, 8), head_channels=8)).eval()


@torch.no_grad()
@pytest.mark.parametrize(("h", "w"), [(2, 2), (3, 5), (26, 19)])
def test_maps_cover_grids_of_any_size(detector: LatentDetectorNetwork, h: int, w: int) -> None:
    maps = detector(torch.randn(1, 64, h, w))
    expected = [(1, 85, 2 * h, 2 * w), (1, 85, h, w), (1, 85, (h + 1) // 2, (w + 1) // 2)]
    assert [tuple(m.shape) for m in maps] == expected


@torch.no_grad()
def test_scores_are_probabilities_and_start_low(detector: LatentDetectorNetwork) -> None:
    scores = torch.cat([m[:, 4:].flatten() for m in detector(torch.randn(1, 64, 4, 4))])
    assert 0 <= scores.min() <= scores.max() <= 1
    assert scores.mean() < 0.05


def test_the_exported_detector_takes_odd_sides_and_batches(detector: LatentDetectorNetwork) -> None:
    graph = export_network(detector, {"y_hat": torch.randn(1, 64, 4, 6)}, ["map_8", "map_16", "map_32"])
    y_hat = np.random.default_rng(0).normal(size=(2, 64, 5, 3)).astype(np.float32)
    maps = onnxruntime.InferenceSession(graph).run(None, {"y_hat": y_hat})
    with torch.no_grad():
        expected = detector(torch.from_numpy(y_hat))
    for a, b in zip(maps, expected, strict=True):
        np.testing.assert_allclose(a, b.numpy(), atol=1e-5)
