"""Bytes against detection accuracy: whole packets and whole files, one detector, labelled pictures.

Peers' pictures go through the detector as pixels; our packets go through its tail by a bridge, and through
the built-in detector. Every byte is real: packets as they are sent, files with their headers.
"""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnxruntime
import typer
from PIL import Image

from shared_models.bitstream.limits import Limits
from shared_models.bitstream.packet import StreamFormat
from shared_models.bitstream.writer import write_live
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.evaluation.detection.labelled_pictures import DetectionSet
from shared_models.frames import Pixels
from shared_models.packages.registry import open_package
from shared_models.tasks.bridged import BridgedModel, open_bridge
from shared_models.tasks.coco import CATEGORY_IDS
from shared_models.tasks.detection import SCORE_MIN_EVALUATION, Boxes, candidate_boxes, suppress
from shared_models.tasks.detector import LatentDetector
from shared_models.tasks.results import Detection

SIDE = 416  # the detector's input; smaller pictures are padded at the right and below, as it was trained
PADDING = 114
PEERS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "JPEG": ({"subsampling": "4:2:0", "optimize": True}, (5, 8, 12, 20, 30, 50)),
    "WEBP": ({"method": 6}, (0, 5, 10, 20, 35)),
    "AVIF": ({"subsampling": "4:2:0", "speed": 6}, (0, 5, 10, 20, 30, 40)),
}


@dataclass(frozen=True, slots=True)
class Point:
    """One codec at one quality: mean bytes a picture, AP, AP50, and AP50 of groups of classes."""

    codec: str
    quality: float
    bytes_mean: float
    AP: float
    AP50: float
    AP50_groups: dict[str, float]


class PixelDetector:
    """A YOLOX in ONNX Runtime, on pixels: raw head outputs to suppressed boxes."""

    def __init__(self, path: Path) -> None:
        """Load the network on one CPU thread."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def detect(self, pixels: Pixels) -> Boxes:
        """Find objects in (H, W, 3) uint8 RGB of at most 416 pixels a side."""
        height, width = pixels.shape[:2]
        x = np.full((SIDE, SIDE, 3), PADDING, np.float32)
        x[:height, :width] = pixels[:, :, ::-1]  # it was trained on BGR
        cells = self.session.run(None, {"images": x.transpose(2, 0, 1)[None]})[0][0]  # (3549, 85)
        sides = [SIDE // stride for stride in (8, 16, 32)]
        levels = np.split(cells, np.cumsum([side * side for side in sides])[:-1])
        heads = [c.reshape(n, n, 85).transpose(2, 0, 1) for c, n in zip(levels, sides, strict=True)]
        return suppress(candidate_boxes(heads, SCORE_MIN_EVALUATION))


def boxes_of(detections: list[Detection]) -> Boxes:
    """Bring detections back to arrays."""
    corners = np.array([(d.x_min, d.y_min, d.x_max, d.y_max) for d in detections], np.float32)
    scores = np.array([d.score for d in detections], np.float32)
    classes = np.array([CATEGORY_IDS.index(d.category_id) for d in detections], np.intp)
    return Boxes(corners.reshape(-1, 4), scores, classes)


def point(
    pictures: DetectionSet, codec: str, quality: float, run: Callable[[Pixels], tuple[int, Boxes]]
) -> Point:
    """Run every picture and score the whole."""
    found = {image_id: run(pictures.picture(image_id)) for image_id in pictures.ids}
    accuracy = pictures.accuracy({image_id: boxes for image_id, (_, boxes) in found.items()})
    size = float(np.mean([size for size, _ in found.values()]))
    groups = {name: AP50 for name, (_, AP50) in accuracy.groups.items()}
    return Point(codec, quality, round(size, 1), accuracy.AP, accuracy.AP50, groups)


def peer_points(pictures: DetectionSet, detector: PixelDetector) -> Iterator[Point]:
    """Score the uncompressed pictures, then every peer at its qualities."""
    yield point(pictures, "pixels", 100, lambda pixels: (pixels.size, detector.detect(pixels)))
    for kind, (options, qualities) in PEERS.items():
        for quality in qualities:

            def run(
                pixels: Pixels, kind: str = kind, quality: int = quality, options: dict[str, Any] = options
            ) -> tuple[int, Boxes]:
                file = io.BytesIO()
                Image.fromarray(pixels).save(file, kind, quality=quality, **options)
                decoded = np.asarray(Image.open(file).convert("RGB"))
                return file.getbuffer().nbytes, detector.detect(decoded)

            yield point(pictures, kind, quality, run)


def slim_points(
    pictures: DetectionSet,
    codec: SlimCodec,
    detectors: dict[str, LatentDetector | BridgedModel],
    qualities: list[float],
    width: float,
) -> Iterator[Point]:
    """Score packets in live form, decoded again, through every detector on latents."""
    for quality in qualities:
        for name, detector in detectors.items():

            def run(
                pixels: Pixels,
                quality: float = quality,
                detector: LatentDetector | BridgedModel = detector,
            ) -> tuple[int, Boxes]:
                packet = codec.encode_base(pixels, quality=quality, width=width).packet
                height, width_px = pixels.shape[:2]
                live = write_live(packet, StreamFormat(codec.fingerprint, width_px, height), seq=1)
                symbols = codec.decode_base(packet, Limits())
                latents = codec.latents(symbols, packet.quality_code)
                found = detector.detect(latents, [(width_px, height)], score_min=SCORE_MIN_EVALUATION)
                return len(live), boxes_of(found[0])

            yield point(pictures, f"slim w{width:g} {name}", quality, run)


def measure(
    *,
    instances: Annotated[Path, typer.Option(help="COCO instances JSON beside its images.")],
    weights: Annotated[Path, typer.Option(help="The YOLOX as ONNX.")],
    output: Annotated[Path, typer.Option(help="JSON lines are added there, one a point.")],
    bridge: Annotated[Path | None, typer.Option(help="Bridge directory into that YOLOX.")] = None,
    package: Annotated[str, typer.Option(help="Name or path of the model package.")] = "slim-1",
    quality: Annotated[list[float] | None, typer.Option(help="Qualities 0..100 of slim.")] = None,
    width: Annotated[float, typer.Option(help="Width of the encoder.")] = 1.0,
    peers: Annotated[bool, typer.Option(help="Measure JPEG, WebP and AVIF, too.")] = False,
    limit: Annotated[int | None, typer.Option(help="Only the first pictures.")] = None,
) -> None:
    """Measure bytes against accuracy, point by point."""
    pictures = DetectionSet(instances, limit)
    found = open_package(package)
    codec = SlimCodec.load(found)
    detectors: dict[str, LatentDetector | BridgedModel] = {"built-in": LatentDetector(found)}
    if bridge is not None:
        detectors["bridge"] = open_bridge(bridge, codec.fingerprint)
    points = [slim_points(pictures, codec, detectors, quality or [50.0], width)]
    if peers:
        points.append(peer_points(pictures, PixelDetector(weights)))
    for stream in points:
        for measured in stream:
            line = json.dumps({"pictures": len(pictures.ids), **asdict(measured)})
            typer.echo(line)
            with output.open("a") as file:
                file.write(line + "\n")


if __name__ == "__main__":
    typer.run(measure)
