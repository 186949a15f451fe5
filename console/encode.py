"""`slimstream encode`: pictures to `.slim` files."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.inputs import expand, make_directory, name_outputs, track_files
from console.options import (
    AsJson,
    Model,
    OutputDirectory,
    Provider,
    Providers,
    Quality,
    Threads,
    Width,
    load_codec,
    warn_of_fallback,
)
from shared_models.codecs.picture_files import PICTURE_SUFFIXES, read_picture
from shared_models.packages.registry import DEFAULT_PACKAGE

if TYPE_CHECKING:
    from shared_models.codecs.slim.codec import SlimCodec

app = typer.Typer()


class Layers(StrEnum):
    """What a file holds: what tasks and previews need, or all."""

    BASE = "base"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class EncodedFile:
    """What became of one picture."""

    file: str
    frame_width: int
    frame_height: int
    bytes: int
    base_bytes: int
    enhancement_bytes: int
    bits_per_pixel: float


@dataclass(frozen=True, slots=True)
class EncodeSettings:
    """How pictures are coded; None leaves the choice to the model."""

    layers: Layers
    quality: float | None
    enhancement_quality: float | None
    width: float | None


@app.command()
def encode(
    images: Annotated[list[Path], typer.Argument(help="Pictures, or directories of pictures.")],
    *,
    output: OutputDirectory,
    quality: Quality = None,
    width: Width = None,
    layers: Annotated[
        Layers,
        typer.Option(help="`base` is for tasks and previews; `full` adds the rest of the picture."),
    ] = Layers.BASE,
    enhancement_quality: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=100,
            metavar="Q",
            help="Quality of the enhancement. Without it: as --quality.",
        ),
    ] = None,
    model: Model = DEFAULT_PACKAGE,
    provider: Providers = Provider.CPU,
    threads: Threads = 1,
    as_json: AsJson = False,
) -> None:
    """Compress pictures into .slim files.

    Each NAME.jpg (or .png, .webp, .avif, ...) becomes NAME.slim. The same picture and options give the
    same bytes every time.

    Examples:
      slimstream encode photo.jpg -o coded
      slimstream encode photos/ -o coded --quality 30 --width 0.25
      slimstream encode photos/ -o coded --layers full --json
    """
    sources = name_outputs(expand(images, PICTURE_SUFFIXES), output, ".slim")
    codec = load_codec(model, provider, threads)
    settings = EncodeSettings(layers, quality, enhancement_quality, width)
    make_directory(output)
    done = []
    for item in track_files(sources, "encoding"):
        report = encode_file(codec, item.source, item.target, settings)
        done.append(report)
        if not as_json:
            typer.echo(f"{report.file}: {report.bytes} bytes, {report.bits_per_pixel:.3f} bits per pixel")
    if as_json:
        typer.echo(json.dumps({"model": codec.package.name, "files": [asdict(report) for report in done]}))
    warn_of_fallback(codec, provider)


def encode_file(codec: "SlimCodec", source: Path, target: Path, settings: EncodeSettings) -> EncodedFile:
    """Code one picture into one file; raise InputError or ModelError."""
    from shared_models.bitstream.slim_file import SlimFrame
    from shared_models.bitstream.slim_writer import write_slim

    runtime, limits = codec.profile.runtime, codec.package.manifest.limits
    pixels = read_picture(source, limits.side_px_min, limits.side_px_max)
    quality = runtime.quality_default if settings.quality is None else settings.quality
    width = runtime.width_default if settings.width is None else settings.width
    base = codec.encode_base(pixels, quality=quality, width=width)
    packets = [base.packet]
    if settings.layers is Layers.FULL:
        wanted = (settings.enhancement_quality, settings.quality, runtime.enhancement_quality_default)
        enhancement_quality = next(value for value in wanted if value is not None)
        packets.append(codec.encode_enhancement(pixels, base, quality=enhancement_quality).packet)
    data = write_slim([SlimFrame(seq=0, layers=tuple(packets))])
    target.write_bytes(data)
    height, columns = pixels.shape[:2]
    return EncodedFile(
        file=str(target),
        frame_width=columns,
        frame_height=height,
        bytes=len(data),
        base_bytes=base.packet.payload_bytes,
        enhancement_bytes=sum(packet.payload_bytes for packet in packets[1:]),
        bits_per_pixel=round(8 * len(data) / (columns * height), 6),
    )
