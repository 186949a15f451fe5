"""Detection accuracy: COCO average precision of boxes on labelled pictures."""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from shared_models.errors import InputError
from shared_models.frames import Pixels
from shared_models.tasks.coco import CATEGORY_IDS
from shared_models.tasks.detection import Boxes

GROUPS = {"person": (0,), "vehicles": (1, 2, 3, 5, 6, 7), "person_and_vehicles": (0, 1, 2, 3, 5, 6, 7)}


@dataclass(frozen=True, slots=True)
class Accuracy:
    """COCO figures: AP over IoU .5:.95, AP at .5, and AP and AP50 of groups of classes."""

    AP: float
    AP50: float
    groups: dict[str, tuple[float, float]]


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
            judge.params.catIds = [CATEGORY_IDS[c] for c in classes]
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
        return float(judge.stats[0]), float(judge.stats[1])


def _coco_rows(image_id: int, boxes: Boxes) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for (x1, y1, x2, y2), score, k in zip(boxes.corners, boxes.scores, boxes.classes, strict=True):
        box = [float(x1), float(y1), float(x2 - x1), float(y2 - y1)]
        category = CATEGORY_IDS[int(k)]
        rows.append({"image_id": image_id, "category_id": category, "bbox": box, "score": float(score)})
    return rows
