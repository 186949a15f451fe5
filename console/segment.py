"""`slimstream segment`: which class every pixel of `.slim` files or pictures belongs to."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.bridges import load_bridge
from console.inputs import (
    SLIM_SUFFIX,
    NamedOutput,
    check_writable,
    expand,
    make_directory,
    name_outputs,
    track_files,
    write_file,
    write_json,
)
from console.latents import LatentFrame, PictureCoding, latent_frames
from console.options import (
    LONG_SIDE_PX,
    LongSide,
    Model,
    OutputDirectory,
    Provider,
    Providers,
    Quality,
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
    from shared_models.tasks.bridged import BridgedModel
    from shared_models.tasks.segmentation import Segmentation

app = typer.Typer()


@app.command()
def segment(
    files: Sources,
    *,
    path: Annotated[
        str,
        typer.Option(metavar="PATH", help="The directory of a bridge, or a ready-made bridge by name."),
    ],
    output: OutputDirectory,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="OUT", help="Write what covers how much there, as one JSON list."),
    ] = None,
    quality: Quality = None,
    width: Width = None,
    long_side: LongSide = LONG_SIDE_PX,
    model: Model = DEFAULT_PACKAGE,
    provider: Providers = Provider.CPU,
    threads: Threads = 1,
) -> None:
    """Say which class every pixel of .slim files or pictures belongs to.

    Pictures are coded on the way, at --quality, and the segmenter sees only their latents. NAME.jpg becomes
    NAME.png (NAME-SEQ.png for each frame where there are several): an indexed picture as large as NAME.jpg
    whose values are the model's classes. OUT has one row a frame: file_name, seq, labels (the PNG), and
    the share of the picture that each class covers. No segmenter is built in, so --path names a bridge.

    Examples:
      slimstream segment photos/ --path deeplab-cityscapes -o labels --json shares.json
      slimstream segment coded/street.slim --path my-bridge/ -o labels
    """
    sources = name_outputs(expand(files, [*PICTURE_SUFFIXES, SLIM_SUFFIX]), output, ".png")
    if json_file is not None:
        check_writable(json_file)
    _check_apart(sources)
    codec = load_codec(model, provider, threads)
    bridge = load_bridge(path, "segment", codec)
    make_directory(output)
    coding = PictureCoding(quality, width, long_side)
    rows: list[dict[str, Any]] = []
    for item in track_files(sources, "segmenting"):
        for frame in latent_frames(codec, item.source, coding):
            found = segmented(bridge, frame)
            file = item.target
            if not frame.is_only:
                file = file.with_stem(f"{file.stem}-{frame.seq:06d}")
            write_file(file, found.png())
            rows.append(row_of(frame, file, found))
            typer.echo(f"{file}: {describe(found)}")
    if json_file is not None:
        write_json(json_file, rows)
    warn_of_fallback(codec, provider)


def segmented(bridge: "BridgedModel", frame: LatentFrame) -> "Segmentation":
    """Return the classes of a frame's pixels, at the size of the picture that it was made from."""
    from shared_models.tasks.segmentation import Segmentation

    (labels,) = bridge.segment(frame.latents, [(frame.frame_width, frame.frame_height)])
    size = round(frame.frame_width * frame.scale_x), round(frame.frame_height * frame.scale_y)
    return Segmentation.of(labels, bridge.info.layout.class_names).scaled(*size)


def row_of(frame: LatentFrame, file: Path, found: "Segmentation") -> dict[str, Any]:
    """Return what one frame shows as a row of the JSON list."""
    shares = [asdict(share) | {"share": round(share.share, 5)} for share in found.shares]
    return {"file_name": frame.source.name, "seq": frame.seq, "labels": file.name, "classes": shares}


def describe(found: "Segmentation") -> str:
    """Name the classes that cover most, for people."""
    return ", ".join(f"{share.label} {share.share:.0%}" for share in found.shares[:4])


def _check_apart(sources: list[NamedOutput]) -> None:
    """Raise InputError where labels would take the place of a picture that they are made of."""
    for item in sources:
        if item.target.exists() and item.target.samefile(item.source):
            raise InputError(f"the labels of {item.source} would replace it; choose another --output")
