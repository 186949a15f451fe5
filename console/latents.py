"""From `.slim` files and pictures to the latents that tasks run on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console.inputs import SLIM_SUFFIX, read_bytes, read_picture
from shared_models.errors import BitstreamError, InputError

if TYPE_CHECKING:
    from shared_models.codecs.codec import Latents
    from shared_models.codecs.slim.codec import SlimCodec


@dataclass(frozen=True, slots=True)
class LatentFrame:
    """The latents of one frame of an input, and what they cost."""

    source: Path
    seq: int
    latents: "Latents"
    frame_width: int
    frame_height: int
    payload_bytes: int


def latent_frames(
    codec: "SlimCodec", source: Path, quality: float | None, width: float | None
) -> Iterator[LatentFrame]:
    """Yield every frame of a `.slim` file, or code a picture; raise InputError that names the file."""
    if source.suffix.lower() == SLIM_SUFFIX:
        yield from _stored_frames(codec, source)
        return
    runtime, limits = codec.profile.runtime, codec.package.manifest.limits
    pixels = read_picture(source, limits.side_px_min, limits.side_px_max)
    coded = codec.encode_base(
        pixels,
        quality=runtime.quality_default if quality is None else quality,
        width=runtime.width_default if width is None else width,
    )
    packet = coded.packet  # its symbols are what a decoder sees: see Coded
    latents = codec.latents(coded.symbols, packet.quality_code)
    yield LatentFrame(source, 0, latents, packet.frame_width, packet.frame_height, packet.payload_bytes)


def _stored_frames(codec: "SlimCodec", source: Path) -> Iterator[LatentFrame]:
    from shared_models.bitstream.limits import Limits
    from shared_models.bitstream.slim_reader import read_slim

    try:
        for frame in read_slim(read_bytes(source), Limits()):
            packet = frame.base
            if packet is None:
                raise InputError(f"{source}: frame {frame.seq} has no base layer, so tasks cannot read it")
            latents = codec.latents(codec.decode_base(packet, Limits()), packet.quality_code)
            yield LatentFrame(
                source, frame.seq, latents, packet.frame_width, packet.frame_height, packet.payload_bytes
            )
    except BitstreamError as error:
        raise InputError(f"{source}: {error}") from None
