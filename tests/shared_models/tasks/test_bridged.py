"""Bridged models as objects: tasks, batches, sizes, refusals."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared_models.errors import InputError, ModelError, PackageError
from shared_models.packages.package import ModelPackage
from shared_models.tasks import ready_made
from shared_models.tasks.bridged import BridgedModel, open_bridge
from shared_models.tasks.ready_made import find_bridge, ready_made_names, tail_path
from tests.tiny_bridges import write_tiny_bridge
from tests.tiny_models import CLASSES, write_classifier, write_detector, write_segmenter


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, dct_package: ModelPackage) -> Path:
    folder = tmp_path_factory.mktemp("bridges")
    for write in (write_detector, write_classifier, write_segmenter):
        write_tiny_bridge(folder / write.__name__.removeprefix("write_"), write, dct_package)
    return folder


@pytest.fixture
def opened(folder: Path, dct_package: ModelPackage) -> Callable[[str], BridgedModel]:
    return lambda name: open_bridge(folder / name, dct_package.fingerprint)


def latents(batch: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((batch, 64, height, width)).astype(np.float32)


def test_a_batch_is_detected_as_its_frames_are(opened: Callable[[str], BridgedModel]) -> None:
    detector, frames = opened("detector"), latents(3, 3, 4)
    sizes = [(64, 40), (60, 48), (64, 40)]
    together = detector.detect(frames, sizes, score_min=0.05)
    for i, (found, size) in enumerate(zip(together, sizes, strict=True)):
        (alone,) = detector.detect(frames[i : i + 1], [size], score_min=0.05)
        assert [box.label for box in found] == [box.label for box in alone]
        assert np.allclose([box.score for box in found], [box.score for box in alone], atol=1e-5)
        assert all(0 <= box.x_min < box.x_max <= size[0] for box in found)
        assert all(0 <= box.y_min < box.y_max <= size[1] for box in found)


@pytest.mark.parametrize("size", [(16, 16), (64, 64), (61, 43), (200, 90)])
def test_frames_of_any_size_are_taken(opened: Callable[[str], BridgedModel], size: tuple[int, int]) -> None:
    frame = latents(1, -(-size[1] // 16), -(-size[0] // 16))
    opened("detector").detect(frame, [size])
    (classes,) = opened("classifier").classify(frame, [size], top=2)
    assert [item.label for item in classes] == [f"class {item.class_index}" for item in classes]
    assert len(classes) == 2
    (labels,) = opened("segmenter").segment(frame, [size])
    assert labels.shape == (size[1], size[0])
    assert labels.max() < CLASSES


def test_a_task_that_the_model_does_not_do_is_refused(opened: Callable[[str], BridgedModel]) -> None:
    with pytest.raises(ModelError, match="does not classify; its task is to detect"):
        opened("detector").classify(latents(1, 2, 2), [(32, 32)])
    with pytest.raises(ModelError, match="does not segment"):
        opened("classifier").segment(latents(1, 2, 2), [(32, 32)])
    with pytest.raises(ModelError, match="does not detect"):
        opened("segmenter").detect(latents(1, 2, 2), [(32, 32)])


def test_a_bridge_for_another_models_latents_is_refused(folder: Path) -> None:
    with pytest.raises(PackageError, match="fit it again"):
        open_bridge(folder / "detector", b"12345678")


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    for file in (folder / "detector").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format": 1}, "of another format than 2"),
        ({"task": "guess"}, "task"),
        ({"cut": []}, "cut"),
        ({"colour": "blue"}, "colour"),
        ({"layout": {"name": "yolox"}}, "layout"),
    ],
)
def test_a_file_that_describes_no_bridge_is_refused(
    copied: Path, dct_package: ModelPackage, change: dict[str, object], sentence: str
) -> None:
    path = copied / "bridge.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(PackageError, match=sentence):
        open_bridge(copied, dct_package.fingerprint)


@pytest.mark.parametrize("name", ["bridge.json", "bridge.onnx", "tail.onnx", "pad.npz"])
def test_a_missing_or_damaged_file_is_named(copied: Path, dct_package: ModelPackage, name: str) -> None:
    (copied / name).write_bytes(b"PK\x03\x04 damaged")
    with pytest.raises(ModelError, match=name.removesuffix(".onnx")):
        open_bridge(copied, dct_package.fingerprint)
    (copied / name).unlink()
    with pytest.raises(PackageError, match=name):
        open_bridge(copied, dct_package.fingerprint)


def test_padding_of_other_channels_is_refused(copied: Path, dct_package: ModelPackage) -> None:
    other: dict[str, Any] = {"0": np.zeros((1, 8, 8), np.float16)}
    np.savez_compressed(copied / "pad.npz", **other)
    with pytest.raises(PackageError, match="holds padding of shape"):
        open_bridge(copied, dct_package.fingerprint)


def test_a_bridge_that_is_nowhere_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="there is no bridge 'nothing'"):
        find_bridge("nothing")


def test_a_ready_made_bridge_finds_its_tail_beside_the_fetched_model(
    tmp_path: Path, dct_package: ModelPackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ready_made, "_SHIPPED", tmp_path / "shipped")
    monkeypatch.setenv("SLIMSTREAM_MODELS", str(tmp_path / "models"))
    directory = tmp_path / "shipped" / "yolox-nano"
    info = write_tiny_bridge(directory, write_detector, dct_package)
    assert ready_made_names() == ("yolox-nano",)
    assert find_bridge("yolox-nano") == directory
    with pytest.raises(PackageError, match="`slimstream models fetch yolox-nano` brings it"):
        open_bridge(directory, dct_package.fingerprint)
    tail = tail_path(directory, info)
    assert tail.parent == tmp_path / "models" / "third-party" / "yolox-nano"
    tail.parent.mkdir(parents=True)
    (directory / "tail.onnx").rename(tail)
    assert open_bridge(directory, dct_package.fingerprint).task == "detect"
