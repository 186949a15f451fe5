"""The harness against an evaluation that shares no code with it but pycocotools itself."""

import contextlib
import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from shared_models.evaluation.detection.choice import DetectionRequest
from shared_models.evaluation.detection.run import evaluate_detection
from shared_models.evaluation.sweep import Sweep

PICTURES = 100
SIDE = 416


@pytest.mark.slow
def test_the_harness_agrees_with_pycocotools_by_hand(shared_data: Path, tmp_path: Path) -> None:
    weights = shared_data.parent / "weights" / "yolox_nano_416.onnx"
    if not weights.exists():
        pytest.skip("the detector is not beside this checkout")
    instances = shared_data / "eval-dev" / "instances_dev.json"
    report = evaluate_detection(
        DetectionRequest(
            instances=instances,
            detector=weights,
            sweep=Sweep("", tmp_path / "cache", ("jpeg",), {"jpeg": (20,)}, limit=PICTURES),
        )
    )
    for row, jpeg_quality in zip(report.rows, (None, 20), strict=True):
        AP, AP50 = by_hand(instances, weights, jpeg_quality)
        assert pytest.approx(AP, abs=0.01) == row.AP
        assert pytest.approx(AP50, abs=0.01) == row.AP50


def by_hand(instances: Path, weights: Path, jpeg_quality: int | None) -> tuple[float, float]:
    """Read with OpenCV, decode YOLOX as its authors describe it, suppress with OpenCV, score unscaled."""
    session = onnxruntime.InferenceSession(str(weights), providers=["CPUExecutionProvider"])
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(instances))
        ids = sorted(truth.getImgIds())[:PICTURES]
        rows = [
            row
            for i in ids
            for row in seen(session, instances, truth.loadImgs([i])[0], truth.getCatIds(), jpeg_quality)
        ]
        judge = COCOeval(truth, truth.loadRes(rows), "bbox")
        judge.params.imgIds = ids
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return float(judge.stats[0]), float(judge.stats[1])


def seen(
    session: onnxruntime.InferenceSession,
    instances: Path,
    image: dict[str, Any],
    categories: list[int],
    jpeg_quality: int | None,
) -> list[dict[str, Any]]:
    """Return what YOLOX sees in a picture, as rows of COCO's results."""
    pixels = cv2.imread(str(instances.parent / "images" / image["file_name"]))
    assert pixels is not None
    if jpeg_quality is not None:
        options = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
        pixels = cv2.imdecode(cv2.imencode(".jpg", pixels, options)[1], cv2.IMREAD_COLOR)
        assert pixels is not None
    canvas = np.full((SIDE, SIDE, 3), 114, np.float32)
    canvas[: pixels.shape[0], : pixels.shape[1]] = pixels
    (cells,) = session.run(None, {"images": canvas.transpose(2, 0, 1)[None]})[0]
    boxes, scores = decoded(cells)
    rows = []
    for k, category_id in enumerate(categories):
        (candidates,) = np.nonzero(scores[:, k] > 0.01)
        kept = cv2.dnn.NMSBoxes(boxes[candidates].tolist(), scores[candidates, k].tolist(), 0.01, 0.65)
        rows += [
            {
                "image_id": image["id"],
                "category_id": category_id,
                "bbox": boxes[candidates[j]].tolist(),
                "score": float(scores[candidates[j], k]),
            }
            for j in kept
        ]
    return sorted(rows, key=lambda row: -row["score"])[:100]


def decoded(cells: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(3549, 85) -> boxes (3549, 4) as x, y, width, height, and scores (3549, 80)."""
    grids, strides = [], []
    for stride in (8, 16, 32):
        n = SIDE // stride
        y, x = np.mgrid[0:n, 0:n]
        grids.append(np.stack([x, y], axis=2).reshape(-1, 2))
        strides.append(np.full((n * n, 1), stride))
    scale = np.concatenate(strides)
    center = (cells[:, :2] + np.concatenate(grids)) * scale
    size = np.exp(cells[:, 2:4]) * scale
    return np.concatenate([center - size / 2, size], axis=1), cells[:, 4:5] * cells[:, 5:]
