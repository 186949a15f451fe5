"""The protocol that every codec family offers at run time: arrays and packets, never torch.

A codec is made from a model package and holds the ONNX Runtime sessions of the parts that its caller asked
for. The encoder's floats decide symbols; from the symbols on, everything a decoder needs is exact
(architecture, section "Exact entropy coding").
"""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shared_models.bitstream.limits import Limits
from shared_models.bitstream.packet import Packet
from shared_models.frames import Pixels

Symbols: TypeAlias = NDArray[np.int16]
"""Quantised latents of one frame: (C, h, w) int16."""

Latents: TypeAlias = NDArray[np.float32]
"""Latents in the one latent space that tasks see: (B, C, h, w) float32."""


@dataclass(frozen=True, slots=True)
class CodedLayer:
    """One layer of one frame: the packet, and the symbols it stands for."""

    packet: Packet
    symbols: Symbols


class BaseEncoder(Protocol):
    """What the edge needs of a codec for every frame."""

    @property
    def fingerprint(self) -> bytes:
        """First 8 bytes of SHA-256 over everything that affects decoding."""
        ...

    @property
    def widths(self) -> tuple[float, ...]:
        """Widths of the encoder, narrowest first."""
        ...

    def encode_base(self, pixels: Pixels, *, quality: float, width: float) -> CodedLayer:
        """Code the base layer of (H, W, 3) uint8 RGB; 16 to 4096 pixels a side, else InputError."""
        ...


class EnhancementEncoder(Protocol):
    """What the edge needs when a frame is pulled."""

    def encode_enhancement(
        self, pixels: Pixels, base: CodedLayer, *, quality: float, seq: int = 0
    ) -> CodedLayer:
        """Code what full reconstruction needs on top of exactly these base symbols, those of frame `seq`."""
        ...


class Decoder(Protocol):
    """What the cloud and the file commands need; every method raises BitstreamError for bad packets."""

    def decode_base(self, packet: Packet, limits: Limits) -> Symbols:
        """Give the base symbols of an intra packet, checked against the packet's CRC-32C."""
        ...

    def decode_enhancement(self, packet: Packet, base: CodedLayer, limits: Limits) -> Symbols:
        """Give the enhancement symbols, which lean on the base of the same frame."""
        ...

    def latents(self, symbols: Symbols, quality_code: int) -> Latents:
        """(C, h, w) symbols of any quality -> (1, C, h, w) latents in the one latent space."""
        ...

    def preview(self, latents: Latents, frame_width: int, frame_height: int) -> Pixels:
        """Make a picture from the base latents alone."""
        ...

    def reconstruct(self, base: CodedLayer, enhancement: CodedLayer) -> Pixels:
        """Make the full picture from base and enhancement."""
        ...
