"""`slimstream fit-bridge` and the commands that run what it makes."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared_models.bridges import bridge_start
from shared_models.bridges.bridge_network import BridgeTrunk, TrunkConfig
from shared_models.bridges.bridge_start import BridgeStart, start_path, write_start
from shared_models.packages.package import ModelPackage
from tests.console.conftest import CommandLine
from tests.tiny_bridges import write_tiny_bridge
from tests.tiny_models import write_classifier, write_detector


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Return a directory of sixteen pictures of 64×48."""
    directory, random = tmp_path / "photographs", np.random.default_rng(0)
    directory.mkdir()
    for i in range(16):
        coarse = Image.fromarray(random.integers(0, 256, (5, 5, 3), np.uint8))
        coarse.resize((64, 48), Image.Resampling.BICUBIC).save(directory / f"{i}.png")
    return directory


@pytest.fixture
def small_start(dct_package: ModelPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start of a few weights is shipped for the latents of the test package."""
    monkeypatch.setattr(bridge_start, "_SHIPPED", tmp_path / "shipped")
    trunk = BridgeTrunk(TrunkConfig(hidden_channels=16, inner_channels=8, blocks=1))
    write_start(start_path(dct_package.fingerprint.hex()), BridgeStart(trunk, {}))


@pytest.mark.usefixtures("small_start")
def test_a_model_becomes_a_path_that_detect_takes(
    slimstream: CommandLine, photographs: Path, tmp_path: Path
) -> None:
    model, bridge = write_detector(tmp_path / "tiny.onnx"), tmp_path / "bridge"
    fit = ["fit-bridge", "--model", model, "--images", photographs, "--latents", "dct", "-o", bridge]
    code, out, err = slimstream(*fit, "--steps", 3, "--side", 64, "--threads", 1, "--json")
    assert code == 0, err
    report = json.loads(out)
    assert report["steps"] == 3
    assert report["pictures"] + report["held_out"] == 16
    assert [point["quality"] for point in report["points"]] == [10, 25, 50, 75]
    assert all(point["bytes_mean"] > 0 for point in report["points"])
    assert "yolox" in err  # how the outputs are read
    assert "→ " in err  # where the model is cut
    assert "held-out errors: cut" in err
    detect = ["detect", photographs, "--model", "dct", "--path", bridge, "--json", tmp_path / "boxes.json"]
    assert slimstream(*detect).code == 0
    assert isinstance(json.loads((tmp_path / "boxes.json").read_text()), list)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--precision", "int4"], "there is no precision 'int4'"),
        (["--input", "64x64,rgb"], "does not say side, channels, numbers and fit"),
        (["--cut", "nowhere"], "no tensor 'nowhere'"),
        (["--layout", "guess"], "there is no layout 'guess'"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(
    slimstream: CommandLine, photographs: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    model = write_detector(tmp_path / "tiny.onnx")
    fit = ["fit-bridge", "--model", model, "--images", photographs, "--latents", "dct"]
    code, _, err = slimstream(*fit, "-o", tmp_path / "bridge", *arguments)
    assert code != 0
    assert sentence in err
    assert "Traceback" not in err


def test_a_directory_that_is_none_is_refused(slimstream: CommandLine, tmp_path: Path) -> None:
    model = write_detector(tmp_path / "tiny.onnx")
    code, _, err = slimstream("fit-bridge", "--model", model, "--images", tmp_path / "none", "-o", "b")
    assert code == 2
    assert "is not a directory" in err


def test_classify_runs_a_bridge_and_refuses_one_for_another_task(
    slimstream: CommandLine, dct_package: ModelPackage, pictures: Path, tmp_path: Path
) -> None:
    write_tiny_bridge(tmp_path / "classifier", write_classifier, dct_package)
    out = tmp_path / "classes.json"
    arguments = [pictures, "--model", "dct", "--json", out, "--path", tmp_path / "classifier"]
    assert slimstream("classify", *arguments, "--top", 2).code == 0
    assert all(len(row["classes"]) == 2 for row in json.loads(out.read_text()))
    code, _, err = slimstream("detect", *arguments)
    assert code == 2
    assert "its model's task is to classify" in err
