"""What a model package makes of pictures: true bytes of both layers, fidelity of preview and full picture."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from shared_models.bitstream.limits import Limits
from shared_models.codecs.codec import CodedLayer
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.frames import Pixels, psnr_db
from shared_models.packages.registry import DEFAULT_PACKAGE, open_package

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True, slots=True)
class Settings:
    """Qualities 0..100 of both layers and the width of the encoder."""

    base_quality: float
    enhancement_quality: float
    width: float


@dataclass(frozen=True, slots=True)
class PictureReport:
    """One picture there and back. Bytes are payloads; bpp counts both layers; times are of one thread."""

    base_bytes: float
    enhancement_bytes: float
    bpp: float
    preview_psnr: float
    full_psnr: float
    base_encode_ms: float
    enhancement_encode_ms: float
    preview_decode_ms: float
    full_decode_ms: float


def measure_picture(codec: SlimCodec, pixels: Pixels, settings: Settings, limits: Limits) -> PictureReport:
    """Code a picture with both layers, decode it from the packets alone, compare."""
    H, W = pixels.shape[:2]
    t0 = time.perf_counter()
    base = codec.encode_base(pixels, quality=settings.base_quality, width=settings.width)
    t1 = time.perf_counter()
    enhancement = codec.encode_enhancement(pixels, base, quality=settings.enhancement_quality)
    t2 = time.perf_counter()
    base_read = CodedLayer(base.packet, codec.decode_base(base.packet, limits))
    latents = codec.latents(base_read.symbols, base_read.packet.quality_code)
    preview = codec.preview(latents, W, H)
    t3 = time.perf_counter()
    symbols = codec.decode_enhancement(enhancement.packet, base_read, limits)
    full = codec.reconstruct(base_read, CodedLayer(enhancement.packet, symbols))
    t4 = time.perf_counter()
    base_bytes, enhancement_bytes = (sum(map(len, layer.packet.parts)) for layer in (base, enhancement))
    return PictureReport(
        base_bytes=base_bytes,
        enhancement_bytes=enhancement_bytes,
        bpp=8 * (base_bytes + enhancement_bytes) / (H * W),
        preview_psnr=psnr_db(preview, pixels),
        full_psnr=psnr_db(full, pixels),
        base_encode_ms=1e3 * (t1 - t0),
        enhancement_encode_ms=1e3 * (t2 - t1),
        preview_decode_ms=1e3 * (t3 - t2),
        full_decode_ms=1e3 * (t4 - t3),
    )


def mean_report(reports: Sequence[PictureReport]) -> PictureReport:
    """Return the mean of every figure."""
    return PictureReport(
        *np.mean([[getattr(r, f.name) for f in fields(r)] for r in reports], axis=0).tolist()
    )


def report(
    pictures: Annotated[Path, typer.Argument(help="Folder of pictures, Kodak's say.")],
    package: Annotated[str, typer.Option(help="A model package, by name or path.")] = DEFAULT_PACKAGE,
    base_quality: Annotated[float | None, typer.Option(help="0..100; else the default.")] = None,
    quality: Annotated[float | None, typer.Option(help="0..100, of the enhancement.")] = None,
    width: Annotated[float | None, typer.Option(help="Of the encoder; the widest else.")] = None,
) -> None:
    """Print one line of JSON a picture, and one of their mean."""
    codec = SlimCodec.load(open_package(package))
    runtime = codec.profile.runtime
    settings = Settings(
        runtime.quality_default if base_quality is None else base_quality,
        runtime.enhancement_quality_default if quality is None else quality,
        codec.widths[-1] if width is None else width,
    )
    paths = sorted(p for p in pictures.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES)
    loaded = {p.name: np.array(Image.open(p).convert("RGB")) for p in paths}
    reports = {name: measure_picture(codec, pixels, settings, Limits()) for name, pixels in loaded.items()}
    for name, line in [*reports.items(), ("mean", mean_report(list(reports.values())))]:
        rounded = {key: round(value, 4) for key, value in asdict(line).items()}
        typer.echo(json.dumps({"picture": name, **asdict(settings), **rounded}))


if __name__ == "__main__":
    typer.run(report)
