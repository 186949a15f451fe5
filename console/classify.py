"""`slimstream classify`: what `.slim` files or pictures show."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

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
from shared_models.packages.registry import DEFAULT_PACKAGE

if TYPE_CHECKING:
    from shared_models.codecs.slim.codec import SlimCodec
    from shared_models.tasks.results import Classification

app = typer.Typer()

BUILT_IN_PATH = "classify"


@app.command()
def classify(
    files: Sources,
    *,
    output: ResultList,
    path: Annotated[
        str,
        typer.Option(
            metavar="PATH",
            help="`classify`, the built-in one; the directory of a bridge; or a ready-made bridge by name.",
        ),
    ] = BUILT_IN_PATH,
    top: Annotated[int, typer.Option(min=1, max=1000, help="How many classes of each picture.")] = 5,
    quality: Quality = None,
    width: Width = None,
    long_side: LongSide = LONG_SIDE_PX,
    model: Model = DEFAULT_PACKAGE,
    provider: Providers = Provider.CPU,
    threads: Threads = 1,
) -> None:
    """Name what .slim files or pictures show.

    Pictures are coded on the way, at --quality, and the classifier sees only their latents. OUT has one
    row a frame: file_name, seq, and the most probable classes of ImageNet's 1,000 with their scores.

    Examples:
      slimstream classify coded/ --json classes.json
      slimstream classify photo.jpg --quality 80 --top 1 --json classes.json
      slimstream classify photo.jpg --path my-bridge/ --json classes.json
    """
    check_writable(output)
    sources = expand(files, [*PICTURE_SUFFIXES, SLIM_SUFFIX])
    codec = load_codec(model, provider, threads)
    classify_frame = open_classifier(path, codec, top)
    coding = PictureCoding(quality, width, long_side)
    rows: list[dict[str, Any]] = []
    for source in track_files(sources, "classifying"):
        for frame in latent_frames(codec, source, coding):
            classes = classify_frame(frame)
            named = [asdict(item) | {"score": round(item.score, 5)} for item in classes]
            rows.append({"file_name": source.name, "seq": frame.seq, "classes": named})
    write_json(output, rows)
    typer.echo(f"{output}: {len(rows)} frames")
    warn_of_fallback(codec, provider)


def open_classifier(
    path: str, codec: "SlimCodec", top: int
) -> Callable[[LatentFrame], list["Classification"]]:
    """Load the built-in classifier or a bridge; raise InputError or ModelError."""
    from shared_models.tasks.classifier import LatentClassifier

    if path == BUILT_IN_PATH:
        classifier = LatentClassifier(codec.package, codec.backend)
        return lambda frame: classifier.classify(frame.latents, top=top)[0]
    bridged = load_bridge(path, "classify", codec)

    def classify_frame(frame: LatentFrame) -> list["Classification"]:
        size = frame.frame_width, frame.frame_height
        return bridged.classify(frame.latents, [size], top=top)[0]

    return classify_frame
