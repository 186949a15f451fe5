"""Our codec with both layers: what a pulled frame costs, and the full picture that it becomes."""

from dataclasses import dataclass
from typing import Self

from shared_models.bitstream.limits import Limits
from shared_models.bitstream.slim_file import SlimFrame
from shared_models.bitstream.slim_reader import read_slim
from shared_models.bitstream.slim_writer import write_slim
from shared_models.codecs.codec import CodedLayer
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.codecs.slim.profile import encoder_part
from shared_models.errors import InputError
from shared_models.frames import Pixels
from shared_models.packages.registry import open_package

NAME = "slim-full"


@dataclass(frozen=True, slots=True)
class LayerBytes:
    """What each layer's payload takes of a file; the rest is headers."""

    base: int
    enhancement: int


@dataclass(frozen=True, slots=True)
class SlimFull:
    """Base layer at the model's default quality and width, enhancement layer at the quality asked for."""

    codec: SlimCodec
    name: str = NAME
    quality_name: str = "enhancement quality"
    qualities: tuple[float, ...] = (0, 15, 30, 50, 70, 85, 100)

    @classmethod
    def open(cls, model: str) -> Self:
        """Open a package that has both layers; raise ModelError or InputError."""
        codec = SlimCodec.load(open_package(model))
        if codec.profile.decoding.enhancement is None:
            raise InputError(f"{codec.package.name} has no enhancement layer, so there is no {NAME}")
        return cls(codec)

    @property
    def settings(self) -> str:
        """Name the model, its fingerprint, the networks that code, and what the base layer is coded with."""
        runtime, package = self.codec.profile.runtime, self.codec.package
        parts = package.manifest.parts
        encoders = (parts[part].sha256[:16] for part in (encoder_part(runtime.width_default), "enh_encoder"))
        return (
            f"{package.name} {package.fingerprint.hex()}, base layer at quality {runtime.quality_default:g} "
            f"and width {runtime.width_default:g}, enhancement layer (encoders {', '.join(encoders)}); "
            "whole .slim file"
        )

    def encode(self, pixels: Pixels, quality: float) -> bytes:
        """Return a `.slim` file of one frame with both layers; raise InputError for an unknown quality."""
        runtime = self.codec.profile.runtime
        base = self.codec.encode_base(pixels, quality=runtime.quality_default, width=runtime.width_default)
        enhancement = self.codec.encode_enhancement(pixels, base, quality=quality)
        return write_slim([SlimFrame(seq=0, layers=(base.packet, enhancement.packet))])

    def decode(self, data: bytes, width: int, height: int) -> Pixels:  # the file knows its size
        """Return the full picture; raise BitstreamError."""
        frame = _frame(data)
        assert frame.base is not None
        assert frame.enhancement is not None
        base = CodedLayer(frame.base, self.codec.decode_base(frame.base, Limits()))
        symbols = self.codec.decode_enhancement(frame.enhancement, base, Limits())
        return self.codec.reconstruct(base, CodedLayer(frame.enhancement, symbols))

    def layer_bytes(self, data: bytes) -> LayerBytes:
        """Say what each layer takes."""
        frame = _frame(data)
        assert frame.base is not None
        assert frame.enhancement is not None
        return LayerBytes(frame.base.payload_bytes, frame.enhancement.payload_bytes)


def _frame(data: bytes) -> SlimFrame:
    (frame,) = read_slim(data, Limits())
    if frame.base is None or frame.enhancement is None:
        raise InputError("the file does not hold both layers, so there is no full picture in it")
    return frame
