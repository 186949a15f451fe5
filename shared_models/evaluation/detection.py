"""Detection accuracy: YOLOX-style predictions to boxes, boxes to COCO average precision."""

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from shared_models.errors import InputError
from shared_models.frames import Pixels

COCO_CATEGORY_IDS = [i for i in range(1, 91) if i not in {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}]
"""COCO's ids of the 80 classes, by class index."""

GROUPS = {"person": (0,), "vehicles": (1, 2, 3, 5, 6, 7), "person_and_vehicles": (0, 1, 2, 3, 5, 6, 7)}

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Boxes:
    """Detections in one picture: corners (n, 4) x1 y1 x2 y2 in pixels, scores (n,), class indices (n,)."""

    corners: Floats
    scores: Floats
    classes: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """COCO figures: AP over IoU .5:.95, AP at .5, and AP and AP50 of groups of classes."""

    AP: float
    AP50: float
    groups: dict[str, tuple[float, float]]


Detector = Callable[[Pixels], Boxes]


def decode_yolox(maps: Sequence[Floats], score_min: float = 0.01) -> Boxes:
    """Turn maps (85, h, w) of strides 8, 16 and 32 into boxes.

    A map holds box, objectness and 80 classes, the last 81 after their sigmoid.
    """
    corners, scores, classes = [], [], []
    for grid, stride in zip(maps, (8, 16, 32), strict=True):
        score = grid[4] * grid[5:]  # (80, h, w)
        k, row, column = np.nonzero(score > score_min)
        cx, cy, log_w, log_h = grid[:4, row, column]
        centre = np.stack([cx + column, cy + row], axis=1)
        half = np.exp(np.stack([log_w, log_h], axis=1)) / 2
        corners.append(np.concatenate([centre - half, centre + half], axis=1) * stride)
        scores.append(score[k, row, column])
        classes.append(k)
    return Boxes(np.concatenate(corners), np.concatenate(scores), np.concatenate(classes))


def suppress(boxes: Boxes, iou_max: float = 0.65, count_max: int = 100) -> Boxes:
    """Keep, class by class, the best of boxes that overlap by more than `iou_max`."""
    order = np.argsort(-boxes.scores, kind="stable")[:1000]
    corners = boxes.corners[order] + boxes.classes[order, None] * 4096.0  # classes never overlap
    area = np.prod(corners[:, 2:] - corners[:, :2], axis=1)
    kept: list[int] = []
    alive = np.ones(len(order), bool)
    for i in range(len(order)):
        if not alive[i] or len(kept) == count_max:
            continue
        kept.append(i)
        low = np.maximum(corners[i, :2], corners[:, :2])
        high = np.minimum(corners[i, 2:], corners[:, 2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        alive &= shared <= iou_max * (area[i] + area - shared)
    chosen = order[kept]
    return Boxes(boxes.corners[chosen], boxes.scores[chosen], boxes.classes[chosen])


class DetectionSet:
    """Labelled pictures in COCO form: a folder of images and a JSON file of instances."""

    def __init__(self, instances: Path, limit: int | None = None) -> None:
        """Read the first `limit` pictures (all by default); raise InputError where the file is unfit."""
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                self.coco = COCO(str(instances))
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{instances} is no COCO instances file") from error
        self.folder = instances.parent
        self.ids: list[int] = sorted(self.coco.getImgIds())[:limit]

    def picture(self, image_id: int) -> Pixels:
        """Return one picture, (H, W, 3) uint8 RGB."""
        name = self.coco.loadImgs([image_id])[0]["file_name"]
        path = next(p for p in (self.folder / name, self.folder / "images" / name) if p.exists())
        return np.asarray(Image.open(path).convert("RGB"))

    def accuracy(self, detections: dict[int, Boxes]) -> Accuracy:
        """Score detections by picture id."""
        rows = [row for image_id, boxes in detections.items() for row in _coco_rows(image_id, boxes)]
        if not rows:
            return Accuracy(0.0, 0.0, dict.fromkeys(GROUPS, (0.0, 0.0)))
        with contextlib.redirect_stdout(io.StringIO()):
            results = self.coco.loadRes(rows)
            whole = self._score(results, None)
            groups = {name: self._score(results, classes) for name, classes in GROUPS.items()}
        return Accuracy(*whole, groups)

    def _score(self, results: COCO, classes: Sequence[int] | None) -> tuple[float, float]:
        judge = COCOeval(self.coco, results, "bbox")
        judge.params.imgIds = self.ids
        if classes is not None:
            judge.params.catIds = [COCO_CATEGORY_IDS[c] for c in classes]
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
        return float(judge.stats[0]), float(judge.stats[1])


def _coco_rows(image_id: int, boxes: Boxes) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for (x1, y1, x2, y2), score, k in zip(boxes.corners, boxes.scores, boxes.classes, strict=True):
        box = [float(x1), float(y1), float(x2 - x1), float(y2 - y1)]
        category = COCO_CATEGORY_IDS[int(k)]
        rows.append({"image_id": image_id, "category_id": category, "bbox": box, "score": float(score)})
    return rows
