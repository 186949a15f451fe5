"""The values of the bitstream: one `Packet` is one layer of one frame."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

FINGERPRINT_BYTES: Final = 8
SIDE_MAX: Final = 2**16 - 1  # a side is a 16-bit field
SEQ_MAX: Final = 2**64 - 1
CRC_MAX: Final = 2**32 - 1
QUALITY_STEPS: Final = 32
"""Quality codes per unit of quality: gains are interpolated in 32nds."""
QUALITY_CODE_MAX: Final = 100 * QUALITY_STEPS
WIDTH_ID_MAX: Final = 7


class PacketKind(IntEnum):
    """Which layer a packet carries, and what it leans on."""

    BASE_INTRA = 0
    """Task latents that stand alone."""
    BASE_PREDICTED = 1
    """Task latents given the symbols of an earlier frame, which `reference` names."""
    ENHANCEMENT = 2
    """What full reconstruction adds to the base of the same frame, which `reference` names."""
    FEATURES = 3
    """A pyramid of feature levels, one or more parts a level."""

    @property
    def is_base(self) -> bool:
        """Whether this is the layer that tasks read."""
        return self in (PacketKind.BASE_INTRA, PacketKind.BASE_PREDICTED)

    @property
    def has_reference(self) -> bool:
        """Whether packets of this kind lean on symbols of another packet."""
        return self in (PacketKind.BASE_PREDICTED, PacketKind.ENHANCEMENT)


@dataclass(frozen=True, slots=True)
class Reference:
    """The base symbols a packet leans on: the frame's sequence number and the symbols' CRC-32C."""

    seq: int
    symbols_crc32c: int

    def __post_init__(self) -> None:
        _require(0 <= self.seq <= SEQ_MAX, "seq", self.seq)
        _require(0 <= self.symbols_crc32c <= CRC_MAX, "symbols_crc32c", self.symbols_crc32c)


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """What a live session agrees on once, so that its packets need not repeat it."""

    fingerprint: bytes
    """First 8 bytes of SHA-256 over all of the model that affects decoding."""
    frame_width: int
    frame_height: int

    def __post_init__(self) -> None:
        _require(len(self.fingerprint) == FINGERPRINT_BYTES, "fingerprint", self.fingerprint)
        _require(1 <= self.frame_width <= SIDE_MAX, "frame_width", self.frame_width)
        _require(1 <= self.frame_height <= SIDE_MAX, "frame_height", self.frame_height)


@dataclass(frozen=True, slots=True)
class PacketHeader:
    """Everything a packet says before its payload. Construction raises ValueError for our own misuse."""

    kind: PacketKind
    fingerprint: bytes
    frame_width: int
    """Columns of the picture in pixels, before padding."""
    frame_height: int
    quality_code: int
    """Quality times 32, 0 to 3200: what the decoder needs to undo the gains."""
    width_id: int
    """Which encoder width made this, 0 (narrowest) to 7. Informative: all widths share one latent space."""
    reference: Reference | None
    """Given exactly for predicted and enhancement packets."""
    symbols_crc32c: int
    """CRC-32C of the decoded symbols, see `symbols_crc32c()`."""

    def __post_init__(self) -> None:
        _require(isinstance(self.kind, PacketKind), "kind", self.kind)
        StreamFormat(self.fingerprint, self.frame_width, self.frame_height)
        _require(0 <= self.quality_code <= QUALITY_CODE_MAX, "quality_code", self.quality_code)
        _require(0 <= self.width_id <= WIDTH_ID_MAX, "width_id", self.width_id)
        _require(self.kind.has_reference == (self.reference is not None), "reference", self.reference)
        _require(0 <= self.symbols_crc32c <= CRC_MAX, "symbols_crc32c", self.symbols_crc32c)

    @property
    def format(self) -> StreamFormat:
        """What this packet has in common with the rest of its stream."""
        return StreamFormat(self.fingerprint, self.frame_width, self.frame_height)

    @property
    def quality(self) -> float:
        """Quality from 0 to 100, in steps of 1/32."""
        return self.quality_code / QUALITY_STEPS


@dataclass(frozen=True, slots=True)
class Packet(PacketHeader):
    """One layer of one frame: its header and its rANS payload, one `bytes` per part."""

    parts: tuple[bytes, ...]
    """A base packet has exactly one part; the others have at least one."""

    def __post_init__(self) -> None:
        PacketHeader.__post_init__(self)  # super() does not survive slots=True on Python 3.11
        _require(len(self.parts) == 1 or (len(self.parts) > 1 and not self.kind.is_base), "parts", self.parts)

    @property
    def payload_bytes(self) -> int:
        """Size of all parts together."""
        return sum(map(len, self.parts))


def quality_code_of(quality: float) -> int:
    """Return the code of the representable quality nearest to `quality` (0 to 100, else ValueError)."""
    _require(0 <= quality <= QUALITY_CODE_MAX / QUALITY_STEPS, "quality", quality)
    return round(quality * QUALITY_STEPS)


def _require(condition: bool, field: str, value: object) -> None:
    if not condition:
        raise ValueError(f"a packet cannot have {field} {value!r}")
