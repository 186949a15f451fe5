import contextlib
import io
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from shared_models.errors import InputError
from shared_models.evaluation.detection.accuracy import CocoJudge
from shared_models.evaluation.statistics.bootstrap import draw_pictures
from shared_models.tasks.results import Detection

CLASSES = {1: "person", 3: "car", 18: "dog", 62: "chair"}
PICTURES = 24


def world(seed: int, *, ties: bool = True) -> tuple[dict[str, Any], dict[int, list[Detection]]]:
    """Return random truth, crowds included, and detections near it, some wrong and some doubled."""
    generator = np.random.default_rng(seed)
    annotations: list[dict[str, Any]] = []
    found: dict[int, list[Detection]] = {}
    for image_id in range(10, 10 + PICTURES):
        found[image_id] = []
        for _ in range(generator.integers(0, 7)):
            x, y, side = generator.uniform([0, 0, 8], [300, 300, 150])
            category = int(generator.choice(list(CLASSES)))
            box = [float(x), float(y), float(side), float(side * 0.8)]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": category,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": int(generator.random() < 0.1),
                }
            )
            for _ in range(generator.integers(0, 3)):
                noise = generator.normal(0, side * 0.06, 4)
                corners = np.array([x, y, x + side, y + side * 0.8]) + noise
                label = category if generator.random() < 0.8 else int(generator.choice(list(CLASSES)))
                score = round(float(generator.random()), 1 if ties else 12)
                x1, y1, x2, y2 = corners.tolist()
                found[image_id].append(Detection(x1, y1, x2, y2, score, CLASSES[label], label))
    images = [{"id": i, "width": 480, "height": 480} for i in range(10, 10 + PICTURES)]
    categories = [{"id": number, "name": name} for number, name in CLASSES.items()]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}, found


def by_hand(dataset: dict[str, Any], found: dict[int, list[Detection]], classes: list[int]) -> list[float]:
    """Score as pycocotools' own example does."""
    rows = [
        {
            "image_id": image_id,
            "category_id": d.category_id,
            "bbox": [d.x_min, d.y_min, d.x_max - d.x_min, d.y_max - d.y_min],
            "score": d.score,
        }
        for image_id, detections in found.items()
        for d in detections
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = dataset
        truth.createIndex()
        judge = COCOeval(truth, truth.loadRes(rows), "bbox")
        judge.params.catIds = classes
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return [float(value) for value in judge.stats]


@pytest.mark.parametrize("seed", range(3))
def test_figures_are_those_of_pycocotools_by_hand(seed: int) -> None:
    dataset, found = world(seed)
    accuracy = CocoJudge(dataset).accuracy(found)
    stats = by_hand(dataset, found, list(CLASSES))
    assert pytest.approx((stats[0], stats[1])) == (accuracy.AP, accuracy.AP50)
    assert [accuracy.groups[size][0] for size in ("small", "medium", "large")] == pytest.approx(stats[3:6])
    person_and_car = by_hand(dataset, found, [1, 3])
    assert accuracy.groups["person_and_vehicles"] == pytest.approx(tuple(person_and_car[:2]))


@pytest.mark.parametrize("seed", range(3))
def test_a_draw_of_every_picture_once_gives_the_figures_themselves(seed: int) -> None:
    dataset, found = world(seed)
    judged = CocoJudge(dataset).judge(found, np.ones((1, PICTURES), np.int64))
    assert judged.AP_draws[0] == pytest.approx(judged.accuracy.AP)
    assert judged.AP50_draws[0] == pytest.approx(judged.accuracy.AP50)


@pytest.mark.parametrize("seed", range(3))
def test_a_draw_gives_what_evaluating_the_drawn_pictures_gives(seed: int) -> None:
    dataset, found = world(seed, ties=False)  # equal scores stand in another order where pictures are copied
    draws = draw_pictures(PICTURES, draws=3, seed=seed)
    judged = CocoJudge(dataset).judge(found, draws)
    for draw, AP in zip(draws, judged.AP_draws, strict=True):
        assert by_hand(*drawn(dataset, found, draw), list(CLASSES))[0] == pytest.approx(AP, abs=1e-9)


def drawn(
    dataset: dict[str, Any], found: dict[int, list[Detection]], draw: np.ndarray
) -> tuple[dict[str, Any], dict[int, list[Detection]]]:
    """Copy pictures as often as a draw holds them, under new ids."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    detections: dict[int, list[Detection]] = {}
    for image, count in zip(dataset["images"], draw, strict=True):
        for _ in range(count):
            number = len(images) + 1
            images.append({**image, "id": number})
            detections[number] = found[image["id"]]
            for annotation in dataset["annotations"]:
                if annotation["image_id"] == image["id"]:
                    copied = {**annotation, "image_id": number, "id": len(annotations) + 1}
                    annotations.append(copied)
    return {**dataset, "images": images, "annotations": annotations}, detections


def test_nothing_found_scores_zero_and_nothing_to_find_scores_nothing() -> None:
    dataset, _ = world(0)
    judged = CocoJudge(dataset).judge({}, draw_pictures(PICTURES, 4))
    assert judged.accuracy.AP == 0
    assert (judged.AP_draws == 0).all()
    assert np.isnan(CocoJudge(dataset | {"annotations": []}).accuracy({}).AP)


def test_classes_are_matched_by_name_whatever_their_number() -> None:
    dataset, found = world(1)
    renumbered = {
        **dataset,
        "categories": [{"id": c["id"] + 500, "name": c["name"]} for c in dataset["categories"]],
        "annotations": [{**a, "category_id": a["category_id"] + 500} for a in dataset["annotations"]],
    }
    assert CocoJudge(renumbered).accuracy(found) == CocoJudge(dataset).accuracy(found)


def test_a_draw_without_any_object_has_no_figure_and_others_have_theirs() -> None:
    dataset, found = world(2)
    with_objects = {annotation["image_id"] for annotation in dataset["annotations"]}
    some = np.array([[int(image["id"] in with_objects) for image in dataset["images"]]])
    judged = CocoJudge(dataset).judge(found, np.concatenate([some, 1 - some]))
    assert np.isfinite(judged.AP_draws[0])
    assert np.isnan(judged.AP_draws[1])


def test_annotations_without_classes_are_refused() -> None:
    with pytest.raises(InputError, match="no class"):
        CocoJudge(world(0)[0] | {"categories": [], "annotations": []})
