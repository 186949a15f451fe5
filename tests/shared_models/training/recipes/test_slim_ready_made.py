"""Ready-made bridges start from what the base's own bridges have learnt."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from shared_models.bridges.bridge_network import BridgeNetwork, FeatureMap
from shared_models.bridges.bridge_start import read_start
from shared_models.bridges.model_graph import inspect_model
from shared_models.errors import InputError
from shared_models.packages.package import ModelPackage
from shared_models.tasks.bridge_info import read_info
from shared_models.tasks.bridged import open_bridge
from shared_models.training.recipes import slim_ready_made
from shared_models.training.recipes.slim_ready_made import app, start_of_base, take_head
from tests.tiny_models import write_detector

DETECTOR, CLASSIFIER = FeatureMap(8, 64), FeatureMap(16, 96)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = BridgeNetwork([DETECTOR, CLASSIFIER])
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    torch.save({"bridge": network.state_dict()}, tmp_path / "base.pt")
    return tmp_path / "base.pt"


@pytest.mark.parametrize(("head", "target"), [(0, DETECTOR), (1, CLASSIFIER)])
def test_a_teacher_of_the_base_has_its_head_already(base: Path, head: int, target: FeatureMap) -> None:
    network = start_of_base(base).network([target])
    take_head(network, base, head)
    state = torch.load(base, weights_only=True)["bridge"]
    assert torch.equal(network.head(0).leave.weight, state[f"heads.{head}.leave.weight"])
    assert torch.equal(network.trunk.enter.weight, state["trunk.enter.weight"])


def test_another_detector_gets_a_new_head_that_rises_as_the_bases_does(base: Path) -> None:
    network = start_of_base(base).network([FeatureMap(8, 116)])
    state = torch.load(base, weights_only=True)["bridge"]
    assert torch.equal(network.trunk.enter.weight, state["trunk.enter.weight"])
    assert torch.equal(network.head(0).spread.weight, state["heads.0.spread.weight"])
    assert not network.head(0).leave.weight.any()


def test_a_head_that_does_not_fit_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="of other sizes"):
        take_head(BridgeNetwork([DETECTOR]), base, 1)
    with pytest.raises(InputError, match="choose another head"):
        take_head(BridgeNetwork([DETECTOR]), base, 2)
    with pytest.raises(InputError, match="no checkpoint of slim_base"):
        start_of_base(tmp_path / "absent.pt")


def test_the_bases_own_is_what_new_fits_start_from(
    base: Path, tmp_path: Path, dct_package: ModelPackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "start.safetensors"
    monkeypatch.setattr(slim_ready_made, "start_path", lambda _: target)
    monkeypatch.setattr(slim_ready_made, "open_package", lambda _: dct_package)
    result = CliRunner().invoke(app, ["start", "--base", str(base)])
    assert result.exit_code == 0, result.output
    state = torch.load(base, weights_only=True)["bridge"]
    written = read_start(target)
    torch.testing.assert_close(written.trunk.enter.weight, state["trunk.enter.weight"], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(written.rise["weight"], state["heads.0.spread.weight"], rtol=1e-3, atol=1e-3)


def test_a_bridge_may_be_the_bases_own_as_it_is(
    tmp_path: Path, dct_package: ModelPackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    for i in range(16):
        Image.fromarray(random.integers(0, 256, (48, 64, 3), np.uint8)).save(tmp_path / f"{i}.png")
    model = write_detector(tmp_path / "tiny.onnx")
    level = inspect_model(model).best().levels[0]
    network = BridgeNetwork([FeatureMap(level.stride, level.channels)])
    torch.save({"bridge": network.state_dict()}, tmp_path / "base.pt")
    monkeypatch.setattr(slim_ready_made, "open_package", lambda _: dct_package)
    options = {"base": tmp_path / "base.pt", "model": model, "images": tmp_path, "output": tmp_path / "b"}
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    result = CliRunner().invoke(app, ["bridge", *arguments, "--head", "0", "--minutes", "0"])
    assert result.exit_code == 0, result.output
    info = read_info(tmp_path / "b")
    assert info.card["steps"] == 0
    open_bridge(tmp_path / "b", dct_package.fingerprint)
