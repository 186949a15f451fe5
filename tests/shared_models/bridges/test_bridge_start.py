"""What new bridges start from, as it is shipped."""

from pathlib import Path

import pytest
import safetensors.torch
import torch

from shared_models.bridges.bridge_network import BridgeNetwork, BridgeTrunk, FeatureMap, TrunkConfig
from shared_models.bridges.bridge_start import BridgeStart, open_start, read_start, write_start
from shared_models.errors import PackageError

SMALL = TrunkConfig(latent_channels=6, hidden_channels=8, inner_channels=4, blocks=2)


@pytest.fixture
def start() -> BridgeStart:
    trunk = BridgeTrunk(SMALL)
    return BridgeStart(trunk, BridgeNetwork([FeatureMap(8, 5)], trunk).head(0).spread.state_dict())


@torch.no_grad()
def test_a_start_is_read_as_it_was_written_but_for_halves(start: BridgeStart, tmp_path: Path) -> None:
    write_start(tmp_path / "start.safetensors", start)
    read = read_start(tmp_path / "start.safetensors")
    assert read.trunk.config == SMALL
    framed = torch.randn(1, 8, 4, 4)
    assert torch.allclose(read.trunk(framed), start.trunk(framed), rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(dict(read.rise), dict(start.rise), rtol=1e-2, atol=1e-2)


def test_heads_at_stride_8_rise_as_the_start_does_and_others_do_not(start: BridgeStart) -> None:
    network = start.network([FeatureMap(8, 5), FeatureMap(8, 7), FeatureMap(16, 5)])
    assert network.trunk is start.trunk
    assert [start.rises(network.head(index)) for index in range(3)] == [True, False, False]
    assert torch.equal(network.head(0).spread.weight, start.rise["weight"])


def test_a_start_may_be_a_trunk_alone(tmp_path: Path) -> None:
    write_start(tmp_path / "start.safetensors", BridgeStart(BridgeTrunk(SMALL), {}))
    read = read_start(tmp_path / "start.safetensors")
    assert not read.rises(read.network([FeatureMap(8, 5)]).head(0))


def test_a_damaged_start_is_refused_and_an_absent_one_is_none(start: BridgeStart, tmp_path: Path) -> None:
    damaged = tmp_path / "start.safetensors"
    damaged.write_bytes(b"nothing")
    with pytest.raises(PackageError, match="is no start of bridges"):
        read_start(damaged)
    alien = {
        f"rise.{name}": tensor[:, :4].contiguous() if tensor.dim() == 4 else tensor
        for name, tensor in start.rise.items()
    }
    safetensors.torch.save_file(start.trunk.state_dict() | alien, damaged)
    with pytest.raises(PackageError, match="its rise takes 4 channels and its trunk has 8"):
        read_start(damaged)
    assert open_start("0" * 16) is None
