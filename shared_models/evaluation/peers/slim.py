"""Our codec as one among peers: `.slim` files of one frame, and what the same takes on a live link."""

from dataclasses import dataclass
from typing import Self

from shared_models.bitstream.limits import Limits
from shared_models.bitstream.packet import Packet
from shared_models.bitstream.slim_file import SlimFrame
from shared_models.bitstream.slim_reader import read_slim
from shared_models.bitstream.slim_writer import write_slim
from shared_models.bitstream.writer import write_live
from shared_models.codecs.codec import Latents
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.codecs.slim.profile import encoder_part
from shared_models.errors import InputError
from shared_models.frames import Pixels
from shared_models.packages.registry import open_package

NAME = "slim"


@dataclass(frozen=True, slots=True)
class Slim:
    """The base layer of a model package at one width of its encoder."""

    codec: SlimCodec
    width: float
    name: str
    quality_name: str = "quality"
    qualities: tuple[float, ...] = (0, 15, 30, 40, 50, 65, 80, 100)

    @classmethod
    def open(cls, name: str, model: str) -> Self:
        """Open `slim` at the model's own width, or `slim@0.25`; raise InputError or ModelError."""
        codec = SlimCodec.load(open_package(model))
        _, has_width, text = name.partition("@")
        if not has_width:
            return cls(codec, codec.profile.runtime.width_default, name)
        try:
            width = codec.widths[codec.widths.index(float(text))]
        except ValueError:
            widths = ", ".join(f"{width:g}" for width in codec.widths)
            raise InputError(
                f"there is no codec {name!r}; {codec.package.name} has the widths {widths}"
            ) from None
        return cls(codec, width, name)

    @property
    def settings(self) -> str:
        """Name the model, its fingerprint, the width and the network that runs on the camera."""
        package = self.codec.package
        encoder = package.manifest.parts[encoder_part(self.width)].sha256
        return (
            f"{package.name} {self.fingerprint.hex()}, width {self.width:g} (encoder {encoder[:16]}), "
            "base layer; whole .slim file"
        )

    @property
    def fingerprint(self) -> bytes:
        """The package's."""
        return self.codec.fingerprint

    def encode(self, pixels: Pixels, quality: float) -> bytes:
        """Return a `.slim` file of one frame; raise InputError for a quality outside 0 to 100."""
        packet = self.codec.encode_base(pixels, quality=quality, width=self.width).packet
        return write_slim([SlimFrame(seq=0, layers=(packet,))])

    def decode(self, data: bytes, width: int, height: int) -> Pixels:
        """Return the preview, which the base layer alone allows."""
        return self.codec.preview(self.latents(data), width, height)

    def latents(self, data: bytes) -> Latents:
        """Decode a file to latents (1, C, h, w); raise BitstreamError."""
        packet = _base_packet(data)
        return self.codec.latents(self.codec.decode_base(packet, Limits()), packet.quality_code)

    def live_bytes(self, data: bytes) -> int:
        """Return the length of the packet's short form."""
        packet = _base_packet(data)
        return len(write_live(packet, packet.format, seq=0))


def _base_packet(data: bytes) -> Packet:
    (frame,) = read_slim(data, Limits())
    if frame.base is None:
        raise InputError("the file has no base layer, so there are no latents in it")
    return frame.base
