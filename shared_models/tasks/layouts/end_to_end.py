"""Models that suppress by themselves: a short list of final boxes, in the forms that exporters write."""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self, TypeAlias

import numpy as np

from shared_models.tasks.detection import Boxes
from shared_models.tasks.layouts.layout import Array, DetectionLayout, Probe, Side, from_centres

Columns: TypeAlias = Literal["box", "yx-box", "centre-box", "score", "class", "skip"]

ROWS: dict[str, tuple[Columns, ...]] = {
    "corners, score, class": ("box", "score", "class"),  # YOLOv10, Ultralytics with NMS
    "class, score, corners": ("class", "score", "box"),  # PaddleDetection with NMS
    "centre, size, score, class": ("centre-box", "score", "class"),  # Ultralytics' RT-DETR
    "picture, corners, class, score": ("skip", "box", "class", "score"),  # YOLOv7 with NMS
    "picture, class, score, corners": ("skip", "class", "score", "box"),  # Caffe, OpenVINO
    "picture, y-x corners, score, class": ("skip", "yx-box", "score", "class"),  # EfficientDet
}
"""Forms of one output with a row a box."""
BOXES: tuple[Columns, ...] = ("box", "yx-box", "centre-box")
QUERIES_MAX = 1000
FIRST_IS_ONE_OF = 90  # TensorFlow numbers COCO's categories from 1 to 90


class _Final(DetectionLayout):
    """What both forms have in common."""

    is_normalised: bool
    first_class: int = 0
    """The number that the model gives its first class."""

    def _chosen(self, found: Boxes, side: Side, score_min: float) -> Boxes:
        """Drop what scores too little or has no class, and bring the rest to pixels."""
        classes = found.classes - self.first_class
        keep = np.flatnonzero((found.scores >= score_min) & (classes >= 0) & (classes < self.classes))
        scale = np.array(side * 2 if self.is_normalised else 1, np.float32)
        return Boxes(found.corners[keep] * scale, found.scores[keep], classes[keep])


class EndToEndRowsLayout(_Final):
    """(B, N, 6 or 7), (1, 1, N, 7) or (N, 7): one row a box."""

    name: Literal["end-to-end-rows"] = "end-to-end-rows"
    form: str

    @classmethod
    def recognise(cls, probe: Probe) -> Self | None:
        """Fit one output of six or seven columns by what the columns hold."""
        whole, rest = probe.outputs[0], probe.outputs[1:]
        # Paddle's and others' suppression says in another output how many there are
        if whole.dtype.kind != "f" or any(o.dtype.kind not in "iu" or o.ndim > 1 for o in rest):
            return None
        if whole.ndim not in {2, 3, 4} or whole.size != np.prod(whole.shape[-2:]):
            return None
        rows = np.asarray(probe.outputs[0], np.float32).reshape(-1, probe.outputs[0].shape[-1])
        forms = [form for form in ROWS if _width(ROWS[form]) == rows.shape[1] and len(rows) <= QUERIES_MAX]
        fitting = [form for form in forms if _fits(rows, ROWS[form])]
        if not fitting:
            return None
        box = _column(rows, ROWS[fitting[0]], *BOXES)
        first = 1 if "y-x" in fitting[0] or fitting[0].startswith("picture, class") else 0
        return cls(
            names=probe.classes,
            classes=len(probe.classes) or (FIRST_IS_ONE_OF if first else 80),
            form=fitting[0],
            is_normalised=bool(box.size and np.abs(box).max() < 4),
            first_class=first,
        )

    def __str__(self) -> str:
        unit = "parts of the canvas" if self.is_normalised else "pixels"
        return f"end-to-end-rows: final boxes as {self.form}, in {unit}"

    def candidates(self, outputs: Sequence[Array], side: Side, score_min: float) -> list[Boxes]:
        """Return the rows as boxes."""
        whole = np.asarray(outputs[0], np.float32)
        if whole.ndim == 3:
            return [self._one(rows, side, score_min) for rows in whole]
        return [self._one(whole.reshape(-1, whole.shape[-1]), side, score_min)]

    def _one(self, rows: Array, side: Side, score_min: float) -> Boxes:
        columns = ROWS[self.form]
        corners = _column(rows, columns, *BOXES)
        scores = _column(rows, columns, "score")[:, 0]
        classes = np.rint(_column(rows, columns, "class")[:, 0]).astype(np.intp)
        if "yx-box" in columns:
            corners = corners[:, [1, 0, 3, 2]]
        elif "centre-box" in columns:
            corners = from_centres(corners)
        return self._chosen(Boxes(corners, scores, classes), side, score_min)


class EndToEndListsLayout(_Final):
    """Boxes (B, N, 4), scores (B, N), classes (B, N), and perhaps a count, as outputs of their own."""

    name: Literal["end-to-end-lists"] = "end-to-end-lists"
    boxes_at: int
    scores_at: int
    classes_at: int
    are_rows_first: bool
    """TensorFlow's order: y before x."""

    BOXES: ClassVar[tuple[str, ...]] = ("box", "dets")

    @classmethod
    def recognise(cls, probe: Probe) -> Self | None:
        """Fit outputs of N boxes with a score and a class each; names say what numbers cannot."""
        boxes = [i for i, o in enumerate(probe.outputs) if o.ndim in (2, 3) and o.shape[-1] in (4, 5)]
        lists = [i for i, o in enumerate(probe.outputs) if o.ndim in (1, 2) and i not in boxes]
        if len(boxes) > 1:
            boxes = [i for i in boxes if "box" in probe.names[i].lower()][:1]
        if not boxes:
            return None
        count = probe.outputs[boxes[0]].shape[-2]
        lists = [i for i in lists if probe.outputs[i].shape[-1] == count]
        scores = [i for i in lists if "score" in probe.names[i].lower()] or [
            i for i in lists if probe.outputs[i].dtype.kind == "f"
        ]
        if probe.outputs[boxes[0]].shape[-1] == 5:  # mmdetection: corners and score in a row
            scores = [boxes[0]]
        classes = [i for i in lists if i not in scores[:1]]
        named = [i for i in classes if any(w in probe.names[i].lower() for w in ("class", "label"))]
        if not scores or not classes:
            return None
        return cls._judge(probe, boxes[0], scores[0], (named or classes)[0])

    @classmethod
    def _judge(cls, probe: Probe, boxes_at: int, scores_at: int, classes_at: int) -> Self:
        is_tensorflow = "detection_boxes" in probe.names[boxes_at]
        box = np.asarray(probe.outputs[boxes_at], np.float32)[..., :4]
        # torchvision and TensorFlow keep 0 for no object; others count from 0
        first = int(is_tensorflow or {"boxes", "labels", "scores"} <= set(probe.names))
        return cls(
            names=probe.classes,
            classes=len(probe.classes) or (FIRST_IS_ONE_OF if first else 80),
            boxes_at=boxes_at,
            scores_at=scores_at,
            classes_at=classes_at,
            are_rows_first=is_tensorflow,
            is_normalised=is_tensorflow or bool(box.size and np.abs(box).max() < 4),
            first_class=first,
        )

    def __str__(self) -> str:
        unit = "parts of the canvas" if self.is_normalised else "pixels"
        return f"end-to-end-lists: final boxes, scores and classes apart, in {unit}"

    def candidates(self, outputs: Sequence[Array], side: Side, score_min: float) -> list[Boxes]:
        """Return the lists as boxes."""
        boxes = np.asarray(outputs[self.boxes_at], np.float32)
        boxes = boxes.reshape(-1, *boxes.shape[-2:])  # (B, N, 4 or 5)
        scores = boxes[..., 4] if self.scores_at == self.boxes_at else outputs[self.scores_at]
        pictures, count = boxes.shape[:2]
        rows = zip(
            boxes[..., :4],
            np.asarray(scores, np.float32).reshape(pictures, count),
            np.rint(outputs[self.classes_at]).astype(np.intp).reshape(pictures, count),
            strict=True,
        )
        found = []
        for corners, values, classes in rows:
            ordered = corners[:, [1, 0, 3, 2]] if self.are_rows_first else corners
            found.append(self._chosen(Boxes(ordered, values, classes), side, score_min))
        return found


def _width(columns: Sequence[Columns]) -> int:
    return sum(4 if "box" in column else 1 for column in columns)


def _column(rows: Array, columns: Sequence[Columns], *wanted: Columns) -> Array:
    start = 0
    for column in columns:
        width = 4 if "box" in column else 1
        if column in wanted:
            return rows[:, start : start + width]
        start += width
    raise AssertionError(wanted)


def _fits(rows: Array, columns: Sequence[Columns]) -> bool:
    """Tell whether scores are probabilities, classes whole numbers, and boxes have a second corner."""
    scores, classes = _column(rows, columns, "score"), _column(rows, columns, "class")
    box = _column(rows, columns, *BOXES)
    if not len(rows):
        return True
    pictures = rows[:, 0] if columns[0] == "skip" else np.zeros(1)
    return bool(
        (scores >= 0).all()
        and (scores <= 1.001).all()
        and np.allclose(classes, np.rint(classes))
        and np.allclose(pictures, np.rint(pictures))
        and (("centre-box" in columns) or (box[:, 2:] >= box[:, :2] - 1e-3).all())
    )
