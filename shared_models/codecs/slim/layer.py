"""One layer of `slim`: its shape, its gains and its entropy model, from latents to bytes and back."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared_models.bitstream.checksum import symbols_crc32c
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.packet import Packet
from shared_models.codecs.backend import BackendOptions
from shared_models.codecs.codec import Symbols
from shared_models.codecs.pictures import padded
from shared_models.codecs.slim.context import load_context
from shared_models.codecs.slim.profile import LayerShape, SlimProfile
from shared_models.codecs.slim.quantiser import Quantiser
from shared_models.entropy.context import ContextModel
from shared_models.entropy.context_coding import Coded, Condition, decode_symbols, encode_symbols
from shared_models.errors import BackendError, ChecksumError, LimitError, MalformedError, PackageError
from shared_models.packages.manifest import FrameLimits
from shared_models.packages.package import ModelPackage


class LayerName(StrEnum):
    """The layers of the family."""

    BASE = "base"
    ENHANCEMENT = "enhancement"

    @property
    def context(self) -> str:
        """What the package calls the layer's entropy model."""
        return "base_context" if self is LayerName.BASE else "enh_context"


@dataclass(frozen=True, slots=True)
class Layer:
    """What one layer needs on both sides of a link."""

    shape: LayerShape
    quantiser: Quantiser
    model: ContextModel
    refused: tuple[BackendError, ...]
    """Backends that missed a known answer of the entropy model; another one, just as exact, is in use."""
    sides: FrameLimits
    frame_stride: int
    """Frames are padded to a multiple of this, whatever the layer's own stride."""

    @classmethod
    def load(
        cls, package: ModelPackage, profile: SlimProfile, name: LayerName, backend: BackendOptions
    ) -> Self:
        """Read gains, tables and networks; raise ModelError where the package lacks or contradicts them."""
        decoding = profile.decoding
        shape = decoding.base if name is LayerName.BASE else decoding.enhancement
        log_gain = package.tensors("gains").get(f"{name}_log_gain")
        if shape is None or log_gain is None:
            raise PackageError(f"the model package {package.path} has no {name} layer")
        rounding = package.tensors("rounding") if "rounding" in package else {}
        dead_zone = rounding.get(f"{name}_dead_zone", np.zeros(shape.channels, np.float32))
        quantiser = Quantiser(log_gain, dead_zone)
        context = load_context(package, name.context, backend)
        found = {quantiser.channels, context.model.channels}
        if found != {shape.channels}:
            raise PackageError(
                f"the {name} layer of {package.path} has {shape.channels} channels in model.json "
                f"and {' and '.join(map(str, sorted(found)))} in its gains and tables"
            )
        limits = package.manifest.limits
        return cls(shape, quantiser, context.model, context.refused, limits, decoding.base.stride)

    def encode(self, latents: NDArray[np.float32], condition: Condition | None, quality_code: int) -> Coded:
        """(1, C, h, w) latents -> the payload, and the (C, h, w) symbols that its decoder will see."""
        symbols = self.quantiser.symbols(latents, quality_code)
        return encode_symbols(self.model, symbols, self._used(condition), quality_code)

    def decode(self, packet: Packet, condition: Condition | None, limits: Limits) -> Symbols:
        """Give the (C, h, w) symbols of a packet of this layer, checked; raise BitstreamError."""
        if len(packet.parts) != 1:
            raise MalformedError(f"the {packet.kind.name} packet has {len(packet.parts)} parts and needs one")
        limits.check_payload(packet.payload_bytes)
        shape = self.symbols_shape(packet, limits)
        given = self._used(condition)
        payload, code = packet.parts[0], packet.quality_code
        symbols: Symbols = decode_symbols(
            self.model, payload, shape, given, code, symbols_max=limits.symbols_max
        )
        if symbols_crc32c(symbols) != packet.symbols_crc32c:
            raise ChecksumError(
                f"the decoded symbols do not match the packet's CRC-32C {packet.symbols_crc32c:08x}"
            )
        return symbols

    def symbols_shape(self, packet: Packet, limits: Limits) -> tuple[int, int, int]:
        """Return (C, h, w) of a packet's symbols; raise LimitError before anything of that size exists."""
        limits.check_pixels(packet.frame_width, packet.frame_height)
        for side in (packet.frame_width, packet.frame_height):
            if not self.sides.side_px_min <= side <= self.sides.side_px_max:
                raise LimitError(
                    f"the frame has a side of {side} pixels and the model takes "
                    f"{self.sides.side_px_min} to {self.sides.side_px_max}"
                )
        height = padded(packet.frame_height, self.frame_stride) // self.shape.stride
        width = padded(packet.frame_width, self.frame_stride) // self.shape.stride
        limits.check_symbols(self.shape.channels * height * width)
        return self.shape.channels, height, width

    def _used(self, condition: Condition | None) -> Condition | None:
        """Drop a condition that the entropy model has no use for."""
        return condition if self.model.condition_channels else None
