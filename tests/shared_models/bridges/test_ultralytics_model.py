"""Ultralytics' models as ONNX and as layers, with random weights: no checkpoint is needed."""

import importlib.util
import os
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from shared_models.bridges import ultralytics_model
from shared_models.bridges.onnx_module import OnnxModule, read_onnx
from shared_models.bridges.ultralytics_model import (
    IMAGE,
    UltralyticsLayers,
    export_ultralytics,
    exported_once,
    is_ultralytics,
    load_ultralytics,
)
from shared_models.codecs.backend import BackendOptions, Network
from shared_models.errors import ConfigError, InputError, ModelError

SIDE_PX = 64
YAMLS = ("yolov8n.yaml", "yolo11n.yaml", "yolo26n.yaml")


@pytest.fixture(scope="module")
def ultralytics(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Import it; where only torchvision is missing, its metadata is all that importing needs."""
    if importlib.util.find_spec("ultralytics") is None:
        pytest.skip("the `yolo` extra is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YOLO_CONFIG_DIR", str(tmp_path_factory.mktemp("yolo")))
        try:
            metadata.version("torchvision")
        except metadata.PackageNotFoundError:
            folder = tmp_path_factory.mktemp("site") / "torchvision-0.28.0.dist-info"
            folder.mkdir()
            (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: torchvision\nVersion: 0.28.0\n")
            patch.syspath_prepend(str(folder.parent))
        try:
            yield load_ultralytics
        except ConfigError as error:
            pytest.skip(str(error))


@pytest.mark.parametrize(("name", "is_one"), [("yolo11n.pt", True), ("a.YAML", True), ("yolo.onnx", False)])
def test_a_model_is_told_by_the_name_of_its_file(name: str, is_one: bool) -> None:
    assert is_ultralytics(Path(name)) is is_one


@pytest.mark.slow
@pytest.mark.parametrize("yaml", YAMLS)
def test_its_own_export_is_read_here_and_its_layers_give_the_same(
    ultralytics: Any, tmp_path: Path, yaml: str
) -> None:
    torch.manual_seed(0)
    loaded = load_ultralytics(Path(yaml))
    checkpoint = tmp_path / "mine.pt"
    loaded.save(str(checkpoint))
    target = tmp_path / "onnx" / "model.onnx"
    export_ultralytics(checkpoint, target, SIDE_PX)
    image = np.random.default_rng(0).random((1, 3, SIDE_PX, SIDE_PX), np.float32)
    (expected,) = Network(target.read_bytes(), "yolo", BackendOptions()).run(image)

    model = read_onnx(target)
    module = OnnxModule(model, [model.graph.input[0].name], [model.graph.output[0].name])
    assert np.allclose(module(torch.from_numpy(image))[0].numpy(), expected, atol=1e-3)

    again = load_ultralytics(checkpoint).model.float()
    last = f"model.{len(again.model) - 1}"
    front = UltralyticsLayers(again, [IMAGE], ["model.4", "model.6", "model.9"])
    tail = UltralyticsLayers(again, front.outputs, [last])
    whole = UltralyticsLayers(again, [IMAGE], [last])
    (split,) = tail(*front(torch.from_numpy(image)))
    assert torch.equal(split, whole(torch.from_numpy(image))[0])
    if split.shape == expected.shape and yaml != YAMLS[-1]:  # an end-to-end head sorts what it found
        assert np.allclose(split.numpy(), expected, atol=1e-2)


def test_an_export_is_made_once_for_each_checkpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made: list[int] = []

    def export(model: Path, target: Path, side_px: int) -> None:
        made.append(side_px)
        target.write_bytes(model.read_bytes())

    monkeypatch.setattr(ultralytics_model, "export_ultralytics", export)
    checkpoint, target = tmp_path / "a.pt", tmp_path / "a.onnx"
    checkpoint.write_bytes(b"one")
    for _ in range(2):
        assert exported_once(checkpoint, target, 410) == target
    assert made == [416]
    checkpoint.write_bytes(b"two")
    os.utime(checkpoint, (target.stat().st_mtime + 5,) * 2)
    exported_once(checkpoint, target, 410)
    assert target.read_bytes() == b"two"


def test_layers_that_no_way_leads_to_are_named(ultralytics: Any) -> None:
    model = load_ultralytics(Path("yolov8n.yaml")).model
    with pytest.raises(ModelError, match=r"needs 'model\.99'; layers are images, model\.0 to model\.22"):
        UltralyticsLayers(model, [IMAGE], ["model.99"])
    with pytest.raises(ModelError, match="needs 'images'"):
        UltralyticsLayers(model, ["model.4"], ["model.2"])


def test_what_is_no_model_is_refused_in_one_sentence(ultralytics: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist; fetch the checkpoint"):
        load_ultralytics(tmp_path / "yolo11n.pt")
    (tmp_path / "torn.pt").write_bytes(b"not a pickle")
    with pytest.raises(InputError, match=r"torn\.pt is no Ultralytics model"):
        load_ultralytics(tmp_path / "torn.pt")


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ultralytics", None)
    with pytest.raises(ConfigError, match="section YOLO, says how"):
        load_ultralytics(Path("yolo11n.yaml"))
