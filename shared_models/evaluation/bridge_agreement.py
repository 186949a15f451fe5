"""How far a bridged model agrees with itself on the pixels, against the bytes it took."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from shared_models.bitstream.packet import StreamFormat
from shared_models.bitstream.writer import write_live
from shared_models.codecs.codec import Latents
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.evaluation.detection.accuracy import CocoJudge
from shared_models.evaluation.segmenters.confusion import ConfusionMatrix
from shared_models.frames import Pixels
from shared_models.tasks.bridged import BridgedModel
from shared_models.tasks.detection import SCORE_MIN_DISPLAY
from shared_models.tasks.layouts.layout import Task
from shared_models.tasks.pixel_model import PixelModel
from shared_models.tasks.results import Detection

QUALITIES: Final = (10.0, 25.0, 50.0, 75.0)
METRICS: Final[dict[Task, str]] = {
    "detect": f"AP50 with the model's own boxes on pixels (score {SCORE_MIN_DISPLAY:g} and more) as truth",
    "classify": "share of pictures with the same first class as on pixels",
    "segment": "mean IoU with the model's own classes on pixels",
}
"""What agreement is, by what the model does; 1 is what pixels reach."""


@dataclass(frozen=True, slots=True)
class AgreementPoint:
    """One quality: bytes a picture, packet headers included, and how much is the same as on pixels."""

    quality: float
    bytes_mean: float
    agreement: float


def agreement(
    bridge: BridgedModel,
    pixel: PixelModel,
    codec: SlimCodec,
    pictures: Sequence[Pixels],
    *,
    qualities: Sequence[float] = QUALITIES,
    width: float | None = None,
) -> list[AgreementPoint]:
    """Code every picture at each quality, at the model's default width, and compare; raise ModelError."""
    compare = _COMPARISONS[bridge.task](bridge, pixel, pictures)
    coded_width = codec.profile.runtime.width_default if width is None else width
    points = []
    for quality in qualities:
        sizes, latents = [], []
        for seq, pixels in enumerate(pictures):
            packet = (coded := codec.encode_base(pixels, quality=quality, width=coded_width)).packet
            form = StreamFormat(codec.fingerprint, packet.frame_width, packet.frame_height)
            sizes.append(len(write_live(packet, form, seq=seq)))
            latents.append(codec.latents(coded.symbols, packet.quality_code))
        points.append(AgreementPoint(quality, round(float(np.mean(sizes)), 1), round(compare(latents), 4)))
    return points


Compare = Callable[[Sequence[Latents]], float]


def _detections(bridge: BridgedModel, pixel: PixelModel, pictures: Sequence[Pixels]) -> Compare:
    truth = pixel.detect(pictures, score_min=SCORE_MIN_DISPLAY)
    judge = CocoJudge(_dataset(truth, pictures)) if any(truth) else None

    def compare(latents: Sequence[Latents]) -> float:
        found = {
            i: bridge.detect(y, [_size(pixels)])[0]
            for i, (y, pixels) in enumerate(zip(latents, pictures, strict=True))
        }
        return judge.accuracy(found).AP50 if judge else float("nan")

    return compare


def _classes(bridge: BridgedModel, pixel: PixelModel, pictures: Sequence[Pixels]) -> Compare:
    truth = [found[0].class_index for found in pixel.classify(pictures, top=1)]

    def compare(latents: Sequence[Latents]) -> float:
        found = [
            bridge.classify(y, [_size(pixels)], top=1)[0][0].class_index
            for y, pixels in zip(latents, pictures, strict=True)
        ]
        return float(np.mean([a == b for a, b in zip(found, truth, strict=True)]))

    return compare


def _labels(bridge: BridgedModel, pixel: PixelModel, pictures: Sequence[Pixels]) -> Compare:
    truth = pixel.segment(pictures)
    classes = [str(index) for index in range(1 + max(int(labels.max()) for labels in truth))]

    def compare(latents: Sequence[Latents]) -> float:
        whole = ConfusionMatrix(classes)
        for y, pixels, labels in zip(latents, pictures, truth, strict=True):
            (found,) = bridge.segment(y, [_size(pixels)])
            whole += ConfusionMatrix.of(classes, labels, found)
        return whole.mean_iou

    return compare


_COMPARISONS: Final[dict[Task, Callable[[BridgedModel, PixelModel, Sequence[Pixels]], Compare]]] = {
    "detect": _detections,
    "classify": _classes,
    "segment": _labels,
}


def _size(pixels: Pixels) -> tuple[int, int]:
    return pixels.shape[1], pixels.shape[0]


def _dataset(truth: Sequence[Sequence[Detection]], pictures: Sequence[Pixels]) -> dict[str, Any]:
    """Return the model's own boxes as a COCO dataset whose picture ids are positions."""
    boxes = [(image, d) for image, found in enumerate(truth) for d in found]
    return {
        "images": [{"id": i, "width": p.shape[1], "height": p.shape[0]} for i, p in enumerate(pictures)],
        "categories": [
            {"id": number, "name": name}
            for name, number in {d.label: d.category_id for _, d in boxes}.items()
        ],
        "annotations": [_annotation(i + 1, image, d) for i, (image, d) in enumerate(boxes)],
    }


def _annotation(number: int, image: int, d: Detection) -> dict[str, Any]:
    width, height = d.x_max - d.x_min, d.y_max - d.y_min
    return {
        "id": number,
        "image_id": image,
        "category_id": d.category_id,
        "bbox": [d.x_min, d.y_min, width, height],
        "area": width * height,
        "iscrowd": 0,
    }
