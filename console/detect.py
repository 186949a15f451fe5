"""`slimstream detect`: objects in `.slim` files or pictures, in the format of COCO's results."""

from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from console.bridges import load_bridge
from console.inputs import SLIM_SUFFIX, check_writable, expand, track_files, write_json
from console.latents import LatentFrame, PictureCoding, latent_frames
from console.options import (
    LONG_SIDE_PX,
    LongSide,
    Model,
    Provider,
    Providers,
    Quality,
    ResultList,
    Sources,
    Threads,
    Width,
    load_codec,
    warn_of_fallback,
)
from shared_models.codecs.picture_files import PICTURE_SUFFIXES
from shared_models.errors import InputError
from shared_models.packages.registry import DEFAULT_PACKAGE

if TYPE_CHECKING:
    from shared_models.codecs.codec import Latents
    from shared_models.codecs.slim.codec import SlimCodec
    from shared_models.tasks.results import Detection

app = typer.Typer()

BUILT_IN_PATH = "detect"


class Detector(Protocol):
    """What finds objects on latents."""

    def detect(
        self, latents: "Latents", sizes: Sequence[tuple[int, int]], *, score_min: float
    ) -> list[list["Detection"]]:
        """Return the detections of each frame, best first."""
        ...


@app.command()
def detect(
    files: Sources,
    *,
    output: ResultList,
    path: Annotated[
        str,
        typer.Option(
            metavar="PATH",
            help="`detect`, the built-in one; the directory of a bridge; or a ready-made bridge by name.",
        ),
    ] = BUILT_IN_PATH,
    quality: Quality = None,
    width: Width = None,
    long_side: LongSide = LONG_SIDE_PX,
    score_min: Annotated[
        float, typer.Option(min=0, max=1, help="Drop detections that score less; low suits evaluation.")
    ] = 0.01,
    model: Model = DEFAULT_PACKAGE,
    provider: Providers = Provider.CPU,
    threads: Threads = 1,
) -> None:
    """Detect objects in .slim files or pictures.

    Pictures are coded on the way, at --quality, and the detector sees only their latents. OUT is in
    COCO's results format: image_id (the file's name where that is a number, else its place in the list),
    category_id (COCO's), bbox (x, y, width, height in pixels of the picture), score; and file_name.

    Examples:
      slimstream detect coded/ --json detections.json
      slimstream detect photos/ --quality 30 --json detections.json
      slimstream detect street.jpg --path my-bridge/ --json detections.json
      slimstream detect street.jpg --path yolox-nano --json detections.json
    """
    check_writable(output)
    sources = expand(files, [*PICTURE_SUFFIXES, SLIM_SUFFIX])
    codec = load_codec(model, provider, threads)
    detector = open_detector(path, codec)
    coding = PictureCoding(quality, width, long_side)
    rows: list[dict[str, Any]] = []
    payload_bytes = frames = 0
    for source, image_id in track_files(list(zip(sources, image_ids(sources), strict=True)), "detecting"):
        for frame in latent_frames(codec, source, coding):
            (found,) = detector.detect(
                frame.latents, [(frame.frame_width, frame.frame_height)], score_min=score_min
            )
            rows += coco_rows(found, image_id, frame)
            payload_bytes, frames = payload_bytes + frame.payload_bytes, frames + 1
    write_json(output, rows)
    mean_bytes = round(payload_bytes / frames)
    typer.echo(f"{output}: {len(rows)} detections in {frames} frames of {mean_bytes} bytes on average")
    warn_of_fallback(codec, provider)


def open_detector(path: str, codec: "SlimCodec") -> Detector:
    """Load the built-in detector or a bridge; raise InputError or ModelError."""
    from shared_models.tasks.detector import LatentDetector

    if path == BUILT_IN_PATH:
        return LatentDetector(codec.package, codec.backend)
    return load_bridge(path, "detect", codec)


def image_ids(sources: Sequence[Path]) -> list[int]:
    """Return COCO's image id of each file: its name where that is a number, else the next number free.

    Raises InputError where two files would share one.
    """
    owner: dict[int, Path] = {}
    for source in sources:
        number = _number_in_name(source)
        if number is None:
            continue
        if number in owner:
            raise InputError(f"{owner[number]} and {source} would both be image {number}; rename one")
        owner[number] = source
    free = (number for number in count(1) if number not in owner)
    numbers = map(_number_in_name, sources)
    return [next(free) if number is None else number for number in numbers]


def _number_in_name(source: Path) -> int | None:
    return int(source.stem) if source.stem.isascii() and source.stem.isdigit() else None


def coco_rows(found: Iterable["Detection"], image_id: int, frame: LatentFrame) -> list[dict[str, Any]]:
    """Return detections as rows of COCO's results format, with the file's name, and seq where it is not 0."""
    return [
        {
            "image_id": image_id,
            "category_id": detection.category_id,
            "bbox": [
                round(detection.x_min * frame.scale_x, 2),
                round(detection.y_min * frame.scale_y, 2),
                round((detection.x_max - detection.x_min) * frame.scale_x, 2),
                round((detection.y_max - detection.y_min) * frame.scale_y, 2),
            ],
            "score": round(detection.score, 5),
            "file_name": frame.source.name,
            **({"seq": frame.seq} if frame.seq else {}),
        }
        for detection in found
    ]
