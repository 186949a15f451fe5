"""From `.slim` files and pictures to the latents that tasks run on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console.inputs import SLIM_SUFFIX, read_bytes
from shared_models.codecs.picture_files import read_picture, shrink
from shared_models.errors import BitstreamError, InputError

if TYPE_CHECKING:
    from shared_models.codecs.codec import Latents
    from shared_models.codecs.slim.codec import SlimCodec

SOURCE_SIDE_PX_MAX = 16384
"""Sides of pictures that are made smaller before they are coded."""


@dataclass(frozen=True, slots=True)
class PictureCoding:
    """How pictures are coded on their way to a task; None leaves the choice to the model."""

    quality: float | None
    width: float | None
    long_side_px: int
    """Larger pictures are made smaller first, to this; 0 keeps them as they are."""


@dataclass(frozen=True, slots=True)
class LatentFrame:
    """The latents of one frame of an input, and what they cost."""

    source: Path
    seq: int
    latents: "Latents"
    frame_width: int
    frame_height: int
    payload_bytes: int
    is_only: bool
    """Whether its input holds no other frame."""
    scale_x: float = 1.0
    """Columns of the input for one column of the coded frame."""
    scale_y: float = 1.0


def latent_frames(codec: "SlimCodec", source: Path, coding: PictureCoding) -> Iterator[LatentFrame]:
    """Yield every frame of a `.slim` file, or code a picture; raise InputError that names the file."""
    if source.suffix.lower() == SLIM_SUFFIX:
        yield from _stored_frames(codec, source)
        return
    runtime, limits = codec.profile.runtime, codec.package.manifest.limits
    pixels = read_picture(source, limits.side_px_min, SOURCE_SIDE_PX_MAX)
    resized = shrink(pixels, coding.long_side_px or limits.side_px_max, limits.side_px_min)
    coded = codec.encode_base(
        resized,
        quality=runtime.quality_default if coding.quality is None else coding.quality,
        width=runtime.width_default if coding.width is None else coding.width,
    )
    packet = coded.packet  # its symbols are what a decoder sees: see Coded
    yield LatentFrame(
        source=source,
        seq=0,
        latents=codec.latents(coded.symbols, packet.quality_code),
        frame_width=packet.frame_width,
        frame_height=packet.frame_height,
        payload_bytes=packet.payload_bytes,
        is_only=True,
        scale_x=pixels.shape[1] / packet.frame_width,
        scale_y=pixels.shape[0] / packet.frame_height,
    )


def _stored_frames(codec: "SlimCodec", source: Path) -> Iterator[LatentFrame]:
    from shared_models.bitstream.limits import Limits
    from shared_models.bitstream.slim_reader import read_slim

    try:
        frames = read_slim(read_bytes(source), Limits())
        for frame in frames:
            packet = frame.base
            if packet is None:
                raise InputError(
                    f"{source}: frame {frame.seq} has no base layer, all that tasks read; leave it out"
                )
            latents = codec.latents(codec.decode_base(packet, Limits()), packet.quality_code)
            size = packet.frame_width, packet.frame_height
            yield LatentFrame(source, frame.seq, latents, *size, packet.payload_bytes, len(frames) == 1)
    except BitstreamError as error:
        raise InputError(f"{source}: {error}") from None
