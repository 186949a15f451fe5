"""COCO average precision by pycocotools, for all classes and for groups, with its bootstrap over pictures.

pycocotools matches boxes to truth once; figures for groups of classes and for sizes are read from the same
table. For the bootstrap the matches of each picture are weighted by how often a draw holds it and
precision-recall curves are accumulated again: the same as evaluating every draw, without matching again.
"""

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from shared_models.errors import InputError
from shared_models.evaluation.detection.average_precision import Matches, average_precision
from shared_models.tasks.results import Detection

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "person": ("person",),
    "vehicles": ("bicycle", "car", "motorcycle", "bus", "train", "truck"),
    "person_and_vehicles": ("person", "bicycle", "car", "motorcycle", "bus", "train", "truck"),
    "animals": ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"),
}
SIZES: Final = ("all", "small", "medium", "large")
"""COCO's areas: small is below 32², large above 96² pixels of the picture that is evaluated."""
_ALL, _MOST = 0, -1  # places of the area `all` and of 100 detections a picture in pycocotools' table


@dataclass(frozen=True, slots=True)
class Accuracy:
    """COCO figures: AP over IoU .5:.95, AP at .5, and both by group of classes and by size of object.

    A group of which the truth holds nothing has NaN.
    """

    AP: float
    AP50: float
    groups: dict[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class JudgedDetections:
    """Accuracy, and AP and AP50 of every draw of a bootstrap: (draws,) each."""

    accuracy: Accuracy
    AP_draws: NDArray[np.float64]
    AP50_draws: NDArray[np.float64]


class CocoJudge:
    """Scores detections against a COCO dataset, class by name."""

    def __init__(self, dataset: dict[str, Any]) -> None:
        """Take the content of a COCO instances file; raise InputError where it has no class."""
        self.coco = COCO()
        self.coco.dataset = dataset
        with contextlib.redirect_stdout(io.StringIO()):
            self.coco.createIndex()
        self.categories = {str(category["name"]): int(category["id"]) for category in dataset["categories"]}
        if not self.categories:
            raise InputError("the annotations have no class, so nothing can be right or wrong")
        self.ids: list[int] = sorted(self.coco.getImgIds())

    def accuracy(self, found: Mapping[int, Sequence[Detection]]) -> Accuracy:
        """Score detections by picture id."""
        return self._figures(self._evaluated(found))

    def judge(self, found: Mapping[int, Sequence[Detection]], draws: NDArray[np.int64]) -> JudgedDetections:
        """Score detections by picture id, and again on every draw (draws, pictures) of the ids in order."""
        evaluated = self._evaluated(found)
        each = np.stack([average_precision(matches, draws) for matches in self._matches(evaluated)])
        AP, AP50 = _mean_of_defined(each.mean(axis=2)), _mean_of_defined(each[:, :, 0])
        return JudgedDetections(self._figures(evaluated), AP, AP50)

    def _evaluated(self, found: Mapping[int, Sequence[Detection]]) -> COCOeval:
        rows = [
            _result(image_id, self.categories[detection.label], detection)
            for image_id in self.ids
            for detection in found.get(image_id, ())
            if detection.label in self.categories
        ]
        with contextlib.redirect_stdout(io.StringIO()):
            results = self.coco.loadRes(rows) if rows else _nothing(self.coco)
            judge = COCOeval(self.coco, results, "bbox")
            judge.params.imgIds = self.ids
            judge.params.catIds = sorted(self.categories.values())
            judge.evaluate()
            judge.accumulate()
        return judge

    def _figures(self, judge: COCOeval) -> Accuracy:
        precision = judge.eval["precision"]  # (T, R, K, A, M): IoU, recall, class, area, detections a picture
        place = {category_id: k for k, category_id in enumerate(judge.params.catIds)}
        groups = {}
        for name, classes in GROUPS.items():
            known = [place[self.categories[c]] for c in classes if c in self.categories]
            groups[name] = _mean_precision(precision[:, :, known, _ALL, _MOST])
        for area, name in enumerate(SIZES[1:], 1):
            groups[name] = _mean_precision(precision[:, :, :, area, _MOST])
        return Accuracy(*_mean_precision(precision[:, :, :, _ALL, _MOST]), groups)

    def _matches(self, judge: COCOeval) -> list[Matches]:
        """Return what became of every detection, class by class, from pycocotools' own matching."""
        params, pictures = judge.params, len(self.ids)
        first = [k * len(params.areaRng) * pictures for k in range(len(params.catIds))]
        return [
            Matches.of(judge.evalImgs[start : start + pictures], len(params.iouThrs), params.maxDets[_MOST])
            for start in first
        ]


def _mean_of_defined(each: NDArray[np.float64]) -> NDArray[np.float64]:
    """(classes, draws) -> the mean over the classes that a draw has, NaN where it has none."""
    has = np.isfinite(each)
    count = has.sum(axis=0)
    total = np.where(has, each, 0).sum(axis=0)
    means: NDArray[np.float64] = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return means


def _mean_precision(precision: NDArray[np.float64]) -> tuple[float, float]:
    """(T, R, K) precision with -1 where there is no truth -> AP and AP50, NaN where there is none at all."""
    means = [values[values > -1] for values in (precision, precision[0])]
    AP, AP50 = (float(values.mean()) if values.size else float("nan") for values in means)
    return AP, AP50


def _result(image_id: int, category_id: int, detection: Detection) -> dict[str, object]:
    corner = [detection.x_min, detection.y_min]
    box = [*corner, detection.x_max - detection.x_min, detection.y_max - detection.y_min]
    return {"image_id": image_id, "category_id": category_id, "bbox": box, "score": detection.score}


def _nothing(truth: COCO) -> COCO:
    """Return results without a detection, which loadRes refuses to make."""
    empty = COCO()
    empty.dataset = {
        "images": truth.dataset["images"],
        "categories": truth.dataset["categories"],
        "annotations": [],
    }
    empty.createIndex()
    return empty
