"""Detector, classifier and bridge as objects: batches, sizes, refusals."""

import numpy as np

from shared_models.packages.package import ModelPackage
from shared_models.tasks.classification import softmax, top_classes
from shared_models.tasks.classifier import LatentClassifier
from shared_models.tasks.detector import LatentDetector


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
