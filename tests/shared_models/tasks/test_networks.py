"""Detector, classifier and bridge as objects: batches, sizes, refusals."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from shared_models.errors import PackageError
from shared_models.packages.package import ModelPackage
from shared_models.tasks.bridged import BridgedDetector
from shared_models.tasks.classification import softmax, top_classes
from shared_models.tasks.classifier import LatentClassifier
from shared_models.tasks.detector import LatentDetector
from tests.dct_package import identity_network


def latents(batch: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((batch, 64, height, width)).astype(np.float32)


def test_a_batch_is_detected_as_its_frames_are(dct_package: ModelPackage) -> None:
    detector = LatentDetector(dct_package)
    frames = latents(2, 5, 7)
    together = detector.detect(frames, [(112, 80), (100, 70)], score_min=0.3)
    alone = [
        detector.detect(frames[i : i + 1], [size], score_min=0.3)
        for i, size in enumerate([(112, 80), (100, 70)])
    ]
    for batch, (single,) in zip(together, alone, strict=True):
        assert [item.label for item in batch] == [item.label for item in single]
        assert np.allclose([item.score for item in batch], [item.score for item in single], atol=1e-5)
        assert all(item.x_max <= 112 and item.y_max <= 80 for item in batch)


def test_classes_come_best_first_and_named(dct_package: ModelPackage) -> None:
    first, second = LatentClassifier(dct_package).classify(latents(2, 3, 4), top=3)
    assert len(first) == len(second) == 3
    assert first[0].score >= first[1].score >= first[2].score
    assert first[0].label == f"class {first[0].class_index}"


def test_softmax_survives_any_scale() -> None:
    rows = softmax(np.array([[1e30, 0.0], [0.0, 0.0]], np.float32))
    assert rows.tolist() == [[1, 0], [0.5, 0.5]]
    assert [item.class_index for item in top_classes(rows, ["a", "b"], 2)[1]] == [0, 1]


@pytest.fixture
def bridge(dct_package: ModelPackage, tmp_path: Path) -> Path:
    (tmp_path / "bridge.onnx").write_bytes(identity_network(64))
    shutil.copy(dct_package.path / "detect.onnx", tmp_path / "tail.onnx")
    document = {"format": 1, "task": "detect", "model": "mine", "latents": dct_package.fingerprint.hex()}
    (tmp_path / "bridge.json").write_text(json.dumps(document))
    return tmp_path


def test_a_bridge_runs_on_any_grid(dct_package: ModelPackage, bridge: Path) -> None:
    detector = BridgedDetector(bridge, dct_package.fingerprint)
    even = latents(1, 4, 6)
    assert detector.detect(even, [(96, 64)]) == LatentDetector(dct_package).detect(even, [(96, 64)])
    (found,) = detector.detect(latents(1, 3, 5), [(80, 48)])
    assert all(item.x_max <= 80 and item.y_max <= 48 for item in found)


def test_a_bridge_for_another_models_latents_is_refused(bridge: Path) -> None:
    with pytest.raises(PackageError, match="fit it again"):
        BridgedDetector(bridge, b"12345678")


@pytest.mark.parametrize(
    "content", ["", "{}", '{"format": 2}', '{"format":1,"task":"detect","model":"m","latents":"x"}']
)
def test_a_file_that_describes_no_bridge_is_refused(bridge: Path, content: str) -> None:
    (bridge / "bridge.json").write_text(content)
    with pytest.raises(PackageError, match=r"bridge\.json"):
        BridgedDetector(bridge, b"12345678")


def test_a_missing_tail_is_named(dct_package: ModelPackage, bridge: Path) -> None:
    (bridge / "tail.onnx").unlink()
    with pytest.raises(PackageError, match=r"tail\.onnx"):
        BridgedDetector(bridge, dct_package.fingerprint)
