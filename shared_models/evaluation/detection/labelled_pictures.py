"""Pictures labelled for detection: a COCO instances file, the pictures it names, boxes in their pixels."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from shared_models.codecs.picture_files import shrink
from shared_models.errors import InputError
from shared_models.evaluation.detection.accuracy import Accuracy, CocoJudge
from shared_models.evaluation.detection.coco_file import (
    CocoAnnotation,
    CocoImage,
    CocoInstances,
    read_instances,
)
from shared_models.frames import Pixels
from shared_models.tasks.detection import Boxes, to_detections

SIDE_PX_MIN: Final = 16
"""What codecs take at least."""
_LEAVE_OUT: Final = "mend the file, or take it away to leave it out"
SHAPE_TOLERANCE_PX: Final = 1.5  # a picture that was made smaller has its sides rounded


class DetectionSet:
    """Pictures and their boxes. Pictures may be smaller than the annotations say: boxes follow them."""

    def __init__(
        self, instances: Path, limit: int | None = None, *, images: Path | None = None, side: int = 0
    ) -> None:
        """Read annotations, and the first `limit` pictures by id that are there (all of them else).

        Pictures lie in `images`, else beside the annotations or in `images/` there. Larger ones are made
        smaller to the long side `side`; 0 keeps them. Raises InputError where files are unfit.
        """
        annotated = read_instances(instances)
        folders = [images] if images else [instances.parent, instances.parent / "images"]
        found = list(_find(annotated.images, folders))
        if not found:
            raise InputError(
                f"none of the {len(annotated.images)} pictures of {instances} is in {folders[0]}; "
                "name the directory that holds them with --images"
            )
        self.absent = len(annotated.images) - len(found)
        """How many of the annotated pictures are not there."""
        self.side = side
        self._paths = {image.id: path for image, path in found[:limit]}
        self.ids = sorted(self._paths)
        self.dataset = self._evaluated(annotated, [image for image, _ in found[:limit]])
        self.digest = hashlib.sha256(json.dumps(self.dataset).encode()).hexdigest()
        """Of ids, sizes, boxes and classes; taken before pycocotools marks what it has judged."""
        self.judge = CocoJudge(self.dataset)

    def picture(self, image_id: int) -> Pixels:
        """Return one picture as it is evaluated, (H, W, 3) uint8 RGB; raise InputError."""
        path = self._paths[image_id]
        try:
            with Image.open(path) as image:  # COCO's boxes are for pixels as stored: EXIF turns nothing
                pixels = np.asarray(image.convert("RGB"))
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
            raise InputError(f"{path} is not a picture that can be read; {_LEAVE_OUT}") from None
        return shrink(pixels, self.side, SIDE_PX_MIN) if self.side else pixels

    def accuracy(self, detections: dict[int, Boxes]) -> Accuracy:
        """Score boxes of COCO's 80 classes by picture id."""
        found = {i: to_detections(boxes, *self.size(i)) for i, boxes in detections.items()}
        return self.judge.accuracy(found)

    def size(self, image_id: int) -> tuple[int, int]:
        """Return width and height of a picture as it is evaluated."""
        image = self.judge.coco.imgs[image_id]
        return image["width"], image["height"]

    def _evaluated(self, annotated: CocoInstances, images: Sequence[CocoImage]) -> dict[str, Any]:
        """Return COCO's document with sizes and boxes in the pixels of the pictures as they are evaluated."""
        sizes, scales = {}, {}
        for image in images:
            size = _size_of(self._paths[image.id])
            declared = image.width or size[0], image.height or size[1]
            _check_shape(image.file_name, declared, size)
            sizes[image.id] = width, height = _shrunk(size, self.side)
            scales[image.id] = width / declared[0], height / declared[1]
        mine = (annotation for annotation in annotated.annotations if annotation.image_id in scales)
        return {
            "info": {},
            "images": [{"id": i, "width": width, "height": height} for i, (width, height) in sizes.items()],
            "annotations": [
                _entry(number, annotation, *scales[annotation.image_id])
                for number, annotation in enumerate(mine, 1)  # pycocotools takes the id 0 for no match
            ],
            "categories": [{"id": category.id, "name": category.name} for category in annotated.categories],
        }


def _find(images: Iterable[CocoImage], folders: Sequence[Path]) -> Iterable[tuple[CocoImage, Path]]:
    """Return those that are there, by id."""
    for image in sorted(images, key=lambda image: image.id):
        for folder in folders:
            if (folder / image.file_name).is_file():
                yield image, folder / image.file_name
                break


def _size_of(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            return image.size
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError):
        raise InputError(f"{path} is not a picture that can be read; {_LEAVE_OUT}") from None


def _check_shape(name: str, declared: tuple[int, int], size: tuple[int, int]) -> None:
    """Raise InputError where a picture cannot be the annotated one at another scale."""
    scale = max(size) / max(declared)
    if any(abs(d * scale - s) > SHAPE_TOLERANCE_PX for d, s in zip(declared, size, strict=True)):
        raise InputError(
            f"{name} is {size[0]}×{size[1]} pixels and its annotations are for {declared[0]}×{declared[1]}; "
            "they do not belong to each other"
        )


def _shrunk(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return what `shrink` makes of a size."""
    if not side or max(size) <= side:
        return size
    scale = side / max(size)
    return max(round(size[0] * scale), SIDE_PX_MIN), max(round(size[1] * scale), SIDE_PX_MIN)


def _entry(number: int, annotation: CocoAnnotation, scale_x: float, scale_y: float) -> dict[str, Any]:
    x, y, width, height = annotation.bbox
    area = width * height if annotation.area is None else annotation.area
    return {
        "id": number,
        "image_id": annotation.image_id,
        "category_id": annotation.category_id,
        "bbox": [x * scale_x, y * scale_y, width * scale_x, height * scale_y],
        "area": area * scale_x * scale_y,
        "iscrowd": annotation.iscrowd,
    }
