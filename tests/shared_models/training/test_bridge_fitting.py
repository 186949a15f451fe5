"""Fitting a bridge into models never seen, end to end, on pictures of nothing in particular."""

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared_models.bridges.bridge_network import BridgeTrunk, TrunkConfig
from shared_models.bridges.bridge_start import BridgeStart
from shared_models.errors import InputError, ModelError
from shared_models.evaluation.bridge_agreement import agreement
from shared_models.packages.package import ModelPackage
from shared_models.tasks.bridge_info import read_info
from shared_models.tasks.bridged import open_bridge
from shared_models.training import bridge_fitting
from shared_models.training.bridge_fitting import Progress, fit_bridge
from shared_models.training.bridge_plan import BridgePlan, FitConfig
from tests.tiny_models import write_classifier, write_detector, write_segmenter

CONFIG = FitConfig(steps=12, long_side_px=64, lr=2e-3)


def a_start() -> BridgeStart:
    return BridgeStart(BridgeTrunk(TrunkConfig(hidden_channels=16, inner_channels=8, blocks=1)), {})


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty smooth pictures, and one file that is none."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for i in range(20):
        coarse = Image.fromarray(random.integers(0, 256, (5, 5, 3), np.uint8))
        coarse.resize((64, 48) if i % 2 else (50, 64), Image.Resampling.BICUBIC).save(folder / f"{i:02}.png")
    (folder / "zz.png").write_bytes(b"not a picture")
    return folder


@pytest.mark.parametrize("write", [write_detector, write_classifier, write_segmenter])
def test_a_model_never_seen_is_bridged_and_runs_at_once(
    write: Callable[[Path], Path], dct_package: ModelPackage, pictures: Path, tmp_path: Path
) -> None:
    model = write(tmp_path / "tiny.onnx")
    plan = BridgePlan.open(dct_package, model, pictures, CONFIG)
    told: list[Progress] = []
    report = fit_bridge(plan, tmp_path / "bridge", told.append, a_start())
    assert told[0].step == 0
    assert told[-1].step == report.steps == CONFIG.steps
    assert told[-1].cut < told[0].cut  # the features come nearer
    assert report.unreadable in (0, 1)  # whether it was met depends on the split
    bridged = open_bridge(tmp_path / "bridge", dct_package.fingerprint)
    (point,) = agreement(bridged, plan.pixel, plan.codec, plan.held_out(), qualities=[50])
    assert point.bytes_mean > 0
    assert not point.agreement > 1  # NaN where an untrained detector sees nothing


def test_a_fit_goes_on_where_it_ended(dct_package: ModelPackage, pictures: Path, tmp_path: Path) -> None:
    model = write_detector(tmp_path / "tiny.onnx")
    for steps in (2, 4):
        plan = BridgePlan.open(dct_package, model, pictures, replace(CONFIG, steps=steps))
        told: list[Progress] = []
        assert fit_bridge(plan, tmp_path / "bridge", told.append, a_start()).steps == steps
    assert told[0].step == 2
    other = write_detector(tmp_path / "other.onnx", seed=1)
    plan = BridgePlan.open(dct_package, other, pictures, CONFIG)
    with pytest.raises(InputError, match="holds a fit of another model"):
        fit_bridge(plan, tmp_path / "bridge", told.append, a_start())


def test_a_signal_ends_a_fit_with_a_usable_bridge(
    dct_package: ModelPackage, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = BridgePlan.open(
        dct_package, write_detector(tmp_path / "tiny.onnx"), pictures, replace(CONFIG, steps=1000)
    )

    def interrupt(progress: Progress) -> None:
        if progress.step:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(bridge_fitting, "_FIRST_REPORT_S", 0.0)
    assert fit_bridge(plan, tmp_path / "bridge", interrupt, a_start()).steps < 1000
    assert read_info(tmp_path / "bridge").task == "detect"
    open_bridge(tmp_path / "bridge", dct_package.fingerprint)


def test_a_bridge_says_what_it_belongs_to(dct_package: ModelPackage, pictures: Path, tmp_path: Path) -> None:
    model = write_detector(tmp_path / "tiny.onnx")
    plan = BridgePlan.open(dct_package, model, pictures, replace(CONFIG, steps=1, is_int8=False))
    fit_bridge(plan, tmp_path / "bridge", lambda _: None, a_start())
    document = json.loads((tmp_path / "bridge" / "bridge.json").read_text())
    assert document["format"] == 2
    assert document["layout"]["name"] == "yolox"
    assert document["latents"] == dct_package.fingerprint.hex()
    with pytest.raises(ModelError, match="fit it again"):
        open_bridge(tmp_path / "bridge", b"12345678")


def test_too_few_pictures_are_refused_with_how_many_are_needed(
    dct_package: ModelPackage, tmp_path: Path
) -> None:
    model = write_detector(tmp_path / "tiny.onnx")
    Image.new("RGB", (64, 64)).save(tmp_path / "one.png")
    with pytest.raises(InputError, match="holds 1 pictures that can be read and at least 16 are needed"):
        BridgePlan.open(dct_package, model, tmp_path, CONFIG)
    with pytest.raises(InputError, match="is not a directory"):
        BridgePlan.open(dct_package, model, tmp_path / "absent", CONFIG)


def test_a_folder_of_damaged_pictures_is_refused(dct_package: ModelPackage, tmp_path: Path) -> None:
    for i in range(20):
        (tmp_path / f"{i}.jpg").write_bytes(b"nothing")
    with pytest.raises(InputError, match="at least 16 are needed"):
        BridgePlan.open(dct_package, write_detector(tmp_path / "tiny.onnx"), tmp_path, CONFIG)
