"""Outputs as known models make them: recognised by their shapes and numbers, stated, and decoded."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from shared_models.errors import ModelError
from shared_models.tasks.coco import NAMES
from shared_models.tasks.layouts.class_maps import ClassMapsLayout
from shared_models.tasks.layouts.layout import Array, DetectionLayout, Probe
from shared_models.tasks.layouts.recognition import AnyLayout, layout_names, recognise

SIDE = (416, 416)
CELLS = 52**2 + 26**2 + 13**2
BOX = [40.0, 60.0, 80.0, 140.0]  # corners in pixels of the one object in every example
CENTRE, SIZE = (60.0, 100.0), (40.0, 80.0)
CLASS, SCORE = 2, 0.9


def chances(rows: int, classes: int, at: int, score: float = SCORE) -> Array:
    values = np.random.default_rng(0).uniform(0, 0.01, (rows, classes)).astype(np.float32)
    values[at, CLASS] = score
    return values


def logits(probabilities: Array) -> Array:
    safe = np.clip(probabilities, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(safe / (1 - safe)), np.float32)


def grid() -> Array:
    """Column, row and stride of all cells."""
    rows = [(x, y, s) for s in (8, 16, 32) for y in range(416 // s) for x in range(416 // s)]
    return np.array(rows, np.float32)


def pixel_boxes(rows: int, at: int) -> Array:
    """Centre and size in pixels, the centres on the grid as of a real model."""
    cells = np.resize(grid(), (rows, 3))
    boxes = np.concatenate([(cells[:, :2] + 0.5) * cells[:, 2:], np.full((rows, 2), 30, np.float32)], 1)
    boxes[at] = [*CENTRE, *SIZE]
    return boxes


def yolox(decoded: bool = False) -> list[Array]:
    at = 12 * 52 + 7  # the cell at (7, 12) of stride 8
    boxes = np.tile(np.array([0.5, 0.5, 1.0, 1.0], np.float32), (CELLS, 1))
    boxes[at] = [CENTRE[0] / 8 - 7, CENTRE[1] / 8 - 12, np.log(SIZE[0] / 8), np.log(SIZE[1] / 8)]
    boxes = pixel_boxes(CELLS, at) if decoded else boxes
    return [np.concatenate([boxes, np.ones((CELLS, 1)), chances(CELLS, 80, at)], 1)[None].astype(np.float32)]


def distances(cell: tuple[float, float], stride: int, bins: int) -> Array:
    """Distributions that point at BOX from a cell's middle: all weight on two bins."""
    left, top, right, bottom = BOX
    x, y = cell
    row = []
    for reach in (x - left, y - top, right - x, bottom - y):
        whole = int(reach // stride)
        part = reach / stride - whole
        values = np.full(bins, -30.0)
        values[whole], values[whole + 1] = np.log(1 - part + 1e-9), np.log(part + 1e-9)
        row.append(values)
    return np.concatenate(row).astype(np.float32)


def nanodet() -> list[Array]:
    scores, sides = [], []
    for stride in (8, 16, 32):
        side = 416 // stride
        at = 6 * side + 3  # at stride 16, the middle is (55.5, 103.5)
        found = chances(side * side, 80, at, SCORE if stride == 16 else 0.0)
        reach = np.zeros((side * side, 32), np.float32)
        if stride == 16:
            reach[at] = distances((3 * 16 + 7.5, 6 * 16 + 7.5), 16, 8)
        scores.append(found[None])
        sides.append(reach[None])
    return [*scores, *sides]


def nanodet_plus() -> list[Array]:
    sizes = [(52, 8), (26, 16), (13, 32), (7, 64)]
    rows = np.concatenate([np.zeros((n * n, 112), np.float32) for n, _ in sizes])
    at = 52**2 + 6 * 26 + 3
    rows[at, CLASS], rows[at, 80:] = SCORE, distances((48, 96), 16, 8)
    rows[:, 80:] += -0.5
    return [rows[None]]


def yolo(normalised: bool = False) -> list[Array]:
    boxes = pixel_boxes(CELLS, 700) / (416 if normalised else 1)
    return [np.concatenate([boxes, chances(CELLS, 80, 700)], 1).T[None].astype(np.float32)]


def yolo_anchors() -> list[Array]:
    rows = 3 * CELLS
    return [np.concatenate([pixel_boxes(rows, 99), np.ones((rows, 1)), chances(rows, 80, 99)], 1)[None]]


def parts(boxes: Array) -> Array:
    return (boxes / 416).astype(np.float32)


def corners(rows: int, at: int) -> Array:
    low = np.random.default_rng(1).uniform(0, 200, (rows, 2))
    boxes = np.concatenate([low, low + 50], 1).astype(np.float32)
    boxes[at] = BOX
    return boxes


def ssd() -> list[Array]:
    scores = np.full((3000, 21), 0.0, np.float32)
    scores[:, 0] = 1
    scores[9] = 0
    scores[9, 0], scores[9, 1 + CLASS] = 1 - SCORE, SCORE
    return [scores[None], parts(corners(3000, 9))[None]]


def detr() -> list[Array]:
    scores = np.zeros((100, 92), np.float32)
    scores[:, -1] = 12
    scores[4, -1], scores[4, 1 + CLASS] = 0, np.log(SCORE / (1 - SCORE)) + np.log(91)
    return [scores[None], parts(pixel_boxes(100, 4))[None]]


def rt_detr() -> list[Array]:
    return [logits(chances(300, 80, 5))[None], parts(pixel_boxes(300, 5))[None]]


def rows_with_suppression(order: str) -> list[Array]:
    classes = np.full((100, 1), 1.0, np.float32)
    scores = np.linspace(0.5, 0.0, 100, dtype=np.float32)[:, None]
    first = 1 if order == "0csb" else 0
    boxes = corners(100, 0)
    classes[0], scores[0] = CLASS + first, SCORE
    columns = {"b": boxes, "s": scores, "c": classes, "0": np.zeros((100, 1), np.float32)}
    return [np.concatenate([columns[letter] for letter in order], 1)[None]]


def tensorflow_lists() -> list[Array]:
    boxes = parts(corners(100, 0))[:, [1, 0, 3, 2]][None]
    scores = np.linspace(0.5, 0, 100, dtype=np.float32)[None].copy()
    classes = np.full((1, 100), 1.0, np.float32)
    scores[0, 0], classes[0, 0] = SCORE, 3  # COCO's category 3 is the third class: car
    return [boxes, classes, np.array([100.0], np.float32), scores]


def torchvision_lists() -> list[Array]:
    classes = np.ones(30, np.int64)
    classes[0] = 3
    scores = np.linspace(0.5, 0, 30, dtype=np.float32)
    scores[0] = SCORE
    return [corners(30, 0), classes, scores]  # type: ignore[list-item]


def as_maps(rows: Array, form: str) -> list[Array]:
    """Rows of all cells as a map for each stride."""
    sides, maps = (52, 26, 13), []
    for level, side in zip(np.split(rows[0], np.cumsum([s * s for s in sides])[:-1]), sides, strict=True):
        cells = level.reshape(1, side, side, -1)
        maps.append(cells if form == "last" else cells.transpose(0, 3, 1, 2))
    return maps


def yolov8_head() -> list[Array]:
    rows = np.full((1, CELLS, 144), -9.0, np.float32)
    at = 52**2 + 6 * 26 + 3
    rows[0, at, :64] = distances((3.5 * 16, 6.5 * 16), 16, 16)
    rows[0, at, 64 + CLASS] = np.log(SCORE / (1 - SCORE))
    return as_maps(rows, "first")


def yolov5_head(apart: bool) -> list[Array]:
    rows = np.full((1, CELLS, 3, 85), -9.0, np.float32)
    at = 52**2 + 6 * 26 + 3  # offsets of -0.5 to 1.5 cells, sizes of 0 to 4 anchors
    x, y = CENTRE[0] / 16 - 3, CENTRE[1] / 16 - 6
    width, height = (np.sqrt(n / a) / 2 for n, a in zip(SIZE, (59, 119), strict=True))
    rows[0, at, 2, :4] = logits(np.array([(x + 0.5) / 2, (y + 0.5) / 2, width, height]))
    rows[0, at, 2, 4], rows[0, at, 2, 5 + CLASS] = 20, np.log(SCORE / (1 - SCORE))
    maps = as_maps(rows.reshape(1, CELLS, 255), "last")
    if apart:
        return [m.reshape(*m.shape[:3], 3, 85).transpose(0, 3, 1, 2, 4) for m in maps]
    return [m.transpose(0, 3, 1, 2) for m in maps]


CASES: dict[str, tuple[str, list[Array], Sequence[str]]] = {
    "YOLOX": ("yolox", yolox(), ["output"]),
    "YOLOX decoded": ("yolox", yolox(decoded=True), ["output"]),
    "NanoDet": ("gfl", nanodet(), ["c8", "c16", "c32", "d8", "d16", "d32"]),
    "NanoDet-Plus": ("gfl", nanodet_plus(), ["output"]),
    "YOLOv8": ("yolo", yolo(), ["output0"]),
    "YOLOv8 of TensorFlow": ("yolo", yolo(normalised=True), ["output0"]),
    "YOLOv8 transposed": ("yolo", [yolo()[0].transpose(0, 2, 1)], ["output0"]),
    "YOLOv5": ("yolo-anchors", yolo_anchors(), ["output0"]),
    "SSD decoded": ("boxes-and-scores", ssd(), ["scores", "boxes"]),
    "DETR": ("boxes-and-scores", detr(), ["logits", "pred_boxes"]),
    "RT-DETR": ("boxes-and-scores", rt_detr(), ["logits", "pred_boxes"]),
    "YOLOv10": ("end-to-end-rows", rows_with_suppression("bsc"), ["output0"]),
    "YOLOv7 with NMS": ("end-to-end-rows", rows_with_suppression("0bcs"), ["output"]),
    "Caffe's SSD": ("end-to-end-rows", rows_with_suppression("0csb"), ["detection_out"]),
    "Paddle with NMS": ("end-to-end-rows", rows_with_suppression("csb"), ["multiclass_nms3_0"]),
    "YOLOX heads": ("head-maps", as_maps(yolox()[0], "first"), ["o8", "o16", "o32"]),
    "YOLOX heads, planes last": ("head-maps", as_maps(yolox()[0], "last"), ["o8", "o16", "o32"]),
    "YOLOv8 heads": ("head-maps", yolov8_head(), ["o8", "o16", "o32"]),
    "YOLOv5 heads": ("head-maps", yolov5_head(apart=False), ["o8", "o16", "o32"]),
    "YOLOv5 heads, anchors apart": ("head-maps", yolov5_head(apart=True), ["o8", "o16", "o32"]),
    "TensorFlow's SSD": (
        "end-to-end-lists",
        tensorflow_lists(),
        ["detection_boxes:0", "detection_classes:0", "num_detections:0", "detection_scores:0"],
    ),
    "torchvision": ("end-to-end-lists", torchvision_lists(), ["boxes", "labels", "scores"]),
}


def probe(outputs: Sequence[Any], names: Sequence[str], classes: tuple[str, ...] = ()) -> Probe:
    return Probe(tuple(names), tuple(outputs), SIDE, classes)


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[str, list[Array], AnyLayout, str]:
    expected, outputs, names = CASES[request.param]
    return expected, outputs, recognise(probe(outputs, names)), request.param


def test_a_layout_is_recognised_and_stated(case: tuple[str, list[Array], AnyLayout, str]) -> None:
    expected, _, layout, _ = case
    assert layout.name == expected
    assert str(layout).startswith(f"{expected}: ")


def test_the_object_is_found_where_it_is(case: tuple[str, list[Array], AnyLayout, str]) -> None:
    _, outputs, layout, title = case
    assert isinstance(layout, DetectionLayout)
    (found,) = layout.decode(outputs, SIDE, 0.4)
    np.testing.assert_allclose(found.corners[0], BOX, atol=0.02)
    assert found.scores[0] == pytest.approx(SCORE, abs=1e-3)
    label = layout.class_names[found.classes[0]]
    assert label == ("bird" if title == "SSD decoded" else "bus" if layout.classes == 20 else NAMES[CLASS])


def test_a_layout_survives_json(case: tuple[str, list[Array], AnyLayout, str]) -> None:
    _, _, layout, _ = case
    assert type(layout).model_validate_json(layout.model_dump_json()) == layout


def test_several_pictures_are_decoded_each_by_itself() -> None:
    outputs = [np.concatenate([output, np.zeros_like(output)]) for output in yolo()]
    layout = recognise(probe(yolo(), ["output0"]))
    assert isinstance(layout, DetectionLayout)
    first, second = layout.decode(outputs, SIDE, 0.4)
    assert (len(first.scores), len(second.scores)) == (1, 0)


def test_scores_may_be_logits() -> None:
    rows = yolox()[0]
    rows[..., 4:] = logits(rows[..., 4:])
    layout = recognise(probe([rows], ["output"]))
    assert isinstance(layout, DetectionLayout)
    assert layout.decode([rows], SIDE, 0.4)[0].scores[0] == pytest.approx(SCORE, abs=1e-3)


def test_names_in_the_file_win() -> None:
    names = tuple(f"thing {i}" for i in range(80))
    layout = recognise(probe(yolo(), ["output0"], names))
    assert layout.class_names == names
    assert layout.category_ids[:2] == (1, 2)


def test_a_classifier_is_recognised_with_and_without_background() -> None:
    scores = np.random.default_rng(0).normal(size=(1, 1001)).astype(np.float32)
    layout = recognise(probe([scores], ["logits"]))
    assert (layout.name, layout.classes, layout.task) == ("class-scores", 1000, "classify")
    assert layout.class_names[0] != "class 0"
    few = recognise(probe([scores[:, :7]], ["logits"]))
    assert few.class_names == tuple(f"class {i}" for i in range(7))


def test_a_segmenter_is_recognised_by_scores_or_labels() -> None:
    scores = np.random.default_rng(0).normal(size=(1, 5, 104, 104)).astype(np.float32)
    chosen = scores.argmax(axis=1)
    for outputs in ([scores], [chosen, scores], [scores.transpose(0, 2, 3, 1)], [chosen]):
        layout = recognise(probe(outputs, [f"o{i}" for i in range(len(outputs))]))
        assert layout.name == "class-maps"
        np.testing.assert_array_equal(layout.labels(outputs), chosen)


def test_outputs_that_nobody_knows_are_named() -> None:
    odd = np.zeros((1, 7, 7, 7, 7), np.float32)
    with pytest.raises(ModelError, match=r"the outputs odd \(1, 7, 7, 7, 7\) have no layout that is known"):
        recognise(probe([odd], ["odd"]))


def test_offsets_from_anchors_that_the_file_does_not_hold_are_not_taken_for_boxes() -> None:
    offsets = np.random.default_rng(0).normal(size=(1, 1917, 4)).astype(np.float32)
    with pytest.raises(ModelError, match="have no layout that is known"):
        recognise(probe([offsets, chances(1917, 91, 3)[None]], ["boxes", "scores"]))


def test_a_layout_can_be_forced_by_name() -> None:
    assert recognise(probe(yolo(), ["output0"]), "yolo").name == "yolo"
    with pytest.raises(ModelError, match="have no layout that is known here as gfl"):
        recognise(probe(yolo(), ["output0"]), "gfl")
    with pytest.raises(ModelError, match=r"there is no layout 'sdd'; known ones are .*yolox"):
        recognise(probe(yolo(), ["output0"]), "sdd")
    assert "yolox" in layout_names()


@pytest.mark.parametrize(
    ("classes", "first", "last"),
    [(19, "road", "bicycle"), (21, "background", "tvmonitor"), (20, "class 0", "class 19")],
)
def test_a_segmenters_classes_are_named_as_those_of_its_data_set(classes: int, first: str, last: str) -> None:
    names = ClassMapsLayout(classes=classes, at=0, axis=1).class_names
    assert (names[0], names[-1], len(names)) == (first, last, classes)
    own = tuple(f"own {index}" for index in range(classes))
    assert ClassMapsLayout(names=own, classes=classes, at=0, axis=1).class_names == own
