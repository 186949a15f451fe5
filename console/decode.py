"""`slimstream decode`: `.slim` files to pictures."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from PIL import Image

from console.inputs import SLIM_SUFFIX, expand, make_directory, name_outputs, read_bytes, track_files
from console.options import (
    AsJson,
    Model,
    OutputDirectory,
    Provider,
    Providers,
    Threads,
    load_codec,
    warn_of_fallback,
)
from shared_models.errors import BitstreamError, InputError, MissingReferenceError
from shared_models.packages.registry import DEFAULT_PACKAGE

if TYPE_CHECKING:
    from shared_models.bitstream.slim_file import SlimFrame
    from shared_models.codecs.slim.codec import SlimCodec
    from shared_models.frames import Pixels

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """A picture that was made, and from what."""

    file: str
    seq: int
    frame_width: int
    frame_height: int
    made_from: str


@app.command()
def decode(
    files: Annotated[list[Path], typer.Argument(help=".slim files, or directories of them.")],
    *,
    output: OutputDirectory,
    preview: Annotated[
        bool, typer.Option("--preview", help="Use the base layer alone, even where there is more.")
    ] = False,
    model: Model = DEFAULT_PACKAGE,
    provider: Providers = Provider.CPU,
    threads: Threads = 1,
    as_json: AsJson = False,
) -> None:
    """Make pictures from .slim files.

    NAME.slim becomes NAME.png, or NAME-SEQ.png for each frame where there are several. A file with an
    enhancement layer gives the full picture; one without gives the preview.

    Examples:
      slimstream decode coded/photo.slim -o pictures
      slimstream decode coded/ -o pictures --preview
    """
    sources = name_outputs(expand(files, [SLIM_SUFFIX]), output, ".png")
    codec = load_codec(model, provider, threads)
    make_directory(output)
    done = []
    for item in track_files(sources, "decoding"):
        for frame in decode_file(codec, item.source, item.target, is_preview=preview):
            done.append(frame)
            if not as_json:
                typer.echo(f"{frame.file}: {frame.frame_width}×{frame.frame_height}, from {frame.made_from}")
    if as_json:
        typer.echo(json.dumps({"model": codec.package.name, "files": [asdict(frame) for frame in done]}))
    warn_of_fallback(codec, provider)


def decode_file(
    codec: "SlimCodec", source: Path, target: Path, *, is_preview: bool
) -> Iterator[DecodedFrame]:
    """Write the pictures of one file; raise InputError that names it where it cannot be decoded."""
    from shared_models.bitstream.limits import Limits
    from shared_models.bitstream.slim_reader import read_slim

    try:
        frames = read_slim(read_bytes(source), Limits())
        for frame in frames:
            pixels, made_from = picture_of(codec, frame, is_preview)
            path = target if len(frames) == 1 else target.with_stem(f"{target.stem}-{frame.seq:06d}")
            Image.fromarray(pixels).save(path)
            yield DecodedFrame(str(path), frame.seq, pixels.shape[1], pixels.shape[0], made_from)
    except BitstreamError as error:
        raise InputError(f"{source}: {error}") from None


def picture_of(codec: "SlimCodec", frame: "SlimFrame", is_preview: bool) -> tuple["Pixels", str]:
    """Make the best picture a frame allows, or its preview; raise BitstreamError."""
    from shared_models.bitstream.limits import Limits
    from shared_models.codecs.codec import CodedLayer

    if frame.base is None:
        raise MissingReferenceError(f"frame {frame.seq} has no base layer, and every picture starts from it")
    base = CodedLayer(frame.base, codec.decode_base(frame.base, Limits()))
    if frame.enhancement is None or is_preview:
        latents = codec.latents(base.symbols, frame.base.quality_code)
        return codec.preview(latents, frame.base.frame_width, frame.base.frame_height), "base"
    symbols = codec.decode_enhancement(frame.enhancement, base, Limits())
    return codec.reconstruct(base, CodedLayer(frame.enhancement, symbols)), "base and enhancement"
