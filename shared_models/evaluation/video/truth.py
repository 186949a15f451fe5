"""What there is to find in a clip: labels of people (MOT or COCO), or what the detector itself is sure of."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from shared_models.errors import InputError
from shared_models.evaluation.video.clips import Clip, ClipFrame
from shared_models.tasks.coco import CATEGORY_IDS, NAMES
from shared_models.tasks.results import Detection

PERSON: Final = CATEGORY_IDS[NAMES.index("person")]
MOT_FIELDS_MIN: Final = 6
_PEDESTRIAN: Final = 1
_LIKE_PEDESTRIANS: Final = frozenset((2, 7, 8, 12))
"""MOT16's person on a vehicle, static person, distractor and reflection: found or not, neither counts."""
_FIELDS_OF_A_FRAME: Final = ("frame_index", "frame_id")

CocoTruth = dict[str, Any]
"""A COCO instances file as Python holds it; ids of images are positions of frames in the clip."""


@dataclass(frozen=True, slots=True)
class VideoTruth:
    """Boxes to find, and a sentence that says where they are from."""

    source: str
    coco: CocoTruth

    @property
    def frames(self) -> tuple[int, ...]:
        """Positions in the clip of the frames that are scored."""
        return tuple(image["id"] for image in self.coco["images"])

    @property
    def boxes(self) -> int:
        """How many boxes there are to find."""
        return sum(not annotation["iscrowd"] for annotation in self.coco["annotations"])


@dataclass(frozen=True, slots=True)
class _Box:
    frame: int
    category_id: int
    box: tuple[float, float, float, float]
    """Left, top, width, height in pixels of the clip's frames."""
    is_ignored: bool = False


def confident(clip: Clip, detections: Sequence[Sequence[Detection]], score_min: float) -> VideoTruth:
    """Take a detector's boxes on the pixels that score at least `score_min` for the truth.

    A codec is then scored on how far the same detector agrees with itself. Raises InputError where the
    detector is sure of nothing.
    """
    boxes = [
        _Box(frame, d.category_id, (d.x_min, d.y_min, d.x_max - d.x_min, d.y_max - d.y_min))
        for frame, found in enumerate(detections)
        for d in found
        if d.score >= score_min
    ]
    if not boxes:
        raise InputError(
            f"the detector finds nothing in {clip.path} with a score of {score_min:g} or more, so there is "
            "nothing to agree with; lower --confident or give --gt"
        )
    names = {d.category_id: d.label for found in detections for d in found}
    source = f"boxes of the same detector on the pixels that score {score_min:g} or more"
    return VideoTruth(source, _coco(clip, range(len(clip.frames)), boxes, names))


def read_truth(path: Path, clip: Clip) -> VideoTruth:
    """Read labels: `.json` is COCO, anything else MOT's `gt.txt`; raise InputError where they do not fit."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path} cannot be read as text; give a COCO JSON or MOT's gt.txt") from None
    truth = _read_coco(path, text, clip) if path.suffix.lower() == ".json" else _read_mot(path, text, clip)
    if not truth.frames:
        raise InputError(
            f"{path} labels none of the {len(clip.frames)} frames of {clip.path}; "
            "give the labels of this clip, and --clip as the directory or video that they are for"
        )
    if not truth.boxes:
        raise InputError(f"{path} has no box in the frames of {clip.path}, so nothing can be scored")
    return truth


def _read_mot(path: Path, text: str, clip: Clip) -> VideoTruth:
    """Read `frame, id, left, top, width, height, considered, class, …`; frames count from 1."""
    at = {frame.index + 1: position for position, frame in enumerate(clip.frames)}
    scale = _scale_of(clip, clip.frames[0].source_size)
    boxes: list[_Box] = []
    last = 0
    for number, fields in enumerate(csv.reader(text.splitlines()), start=1):
        if not fields:
            continue
        try:
            frame, _, *box = (float(field) for field in fields[:MOT_FIELDS_MIN])
            considered, kind = (float(field) for field in [*fields[6:8], "1", "1"][:2])
            left, top, width, height = box
        except ValueError:
            raise InputError(
                f"{path}: line {number} is not MOT's `frame, id, left, top, width, height, …`"
            ) from None
        last = max(last, int(frame))
        is_person = considered > 0 and kind in (_PEDESTRIAN, -1)  # MOT15 has no classes
        if int(frame) in at and (is_person or kind in _LIKE_PEDESTRIANS):
            corner = (left * scale[0], top * scale[1], width * scale[0], height * scale[1])
            boxes.append(_Box(at[int(frame)], PERSON, corner, is_ignored=not is_person))
    scored = [position for number, position in at.items() if number <= last]
    return VideoTruth(f"MOT labels {path.name}", _coco(clip, scored, boxes, {PERSON: "person"}))


def _read_coco(path: Path, text: str, clip: Clip) -> VideoTruth:
    try:
        content = json.loads(text)
        images, annotations = content["images"], content["annotations"]
        names = {int(category["id"]): str(category["name"]) for category in content["categories"]}
        placed = _placed_images(path, images, clip)
        boxes = []
        for annotation in annotations:
            if (where := placed.get(annotation["image_id"])) is None:
                continue
            frame, scale = where
            left, top, width, height = map(float, annotation["bbox"])
            box = (left * scale[0], top * scale[1], width * scale[0], height * scale[1])
            ignored = bool(annotation.get("iscrowd") or annotation.get("ignore"))
            boxes.append(_Box(frame, int(annotation["category_id"]), box, ignored))
    except KeyError as error:
        raise InputError(f"{path} is no COCO instances file: {error} is missing") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no COCO instances file: {error}") from None
    scored = [frame for frame, _ in placed.values()]
    return VideoTruth(f"COCO labels {path.name}", _coco(clip, scored, boxes, names))


def _placed_images(
    path: Path, images: Sequence[dict[str, Any]], clip: Clip
) -> dict[int, tuple[int, tuple[float, float]]]:
    """Map ids of labelled images to positions in the clip and the scale of their boxes.

    Frames of a directory are known by file name, those of a video by `frame_index` or `frame_id`, from 0.
    """
    by_index = {frame.index: position for position, frame in enumerate(clip.frames)}
    by_name = {frame.name: position for position, frame in enumerate(clip.frames) if frame.name}
    by_name |= {Path(name).stem: position for name, position in by_name.items()}
    placed: dict[int, tuple[int, tuple[float, float]]] = {}
    for image in images:
        number = next((image[field] for field in _FIELDS_OF_A_FRAME if field in image), None)
        name = Path(str(image.get("file_name", "")))
        if by_name:
            position = by_name.get(name.name, by_name.get(name.stem))
        elif number is None:
            raise InputError(
                f"{path}: image {image['id']} has no frame_index, so its frame in {clip.path} is not known"
            )
        else:
            position = by_index.get(int(number))
        if position is not None:
            size = _size_of(image, clip.frames[position])
            placed[int(image["id"])] = position, _scale_of(clip, size)
    return placed


def _size_of(image: dict[str, Any], frame: ClipFrame) -> tuple[int, int]:
    width, height = image.get("width"), image.get("height")
    return (int(width), int(height)) if width and height else frame.source_size


def _scale_of(clip: Clip, size: tuple[int, int]) -> tuple[float, float]:
    width, height = np.divide(clip.size, size)
    return float(width), float(height)


def _coco(clip: Clip, frames: Sequence[int], boxes: Sequence[_Box], names: dict[int, str]) -> CocoTruth:
    width, height = clip.size
    scored = sorted(set(frames))
    annotations = [
        {
            "id": number,
            "image_id": box.frame,
            "category_id": box.category_id,
            "bbox": list(box.box),
            "area": box.box[2] * box.box[3],
            "iscrowd": int(box.is_ignored),
        }
        for number, box in enumerate(boxes, start=1)
    ]
    used = sorted({box.category_id for box in boxes})
    return {
        "info": {},
        "images": [{"id": k, "file_name": f"{k}", "width": width, "height": height} for k in scored],
        "annotations": annotations,
        "categories": [{"id": k, "name": names.get(k, f"class {k}")} for k in used],
    }
