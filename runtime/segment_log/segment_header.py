"""What a segment says about itself, in its first bytes. docs/segment-log.md is the specification."""

import struct
from dataclasses import dataclass
from typing import Final

import google_crc32c

FORMAT_VERSION: Final = 1
MAGIC: Final = b"SLIMSEG\x00"

_FIELDS: Final = struct.Struct("<8sHBxQQQ")  # magic, version, importance, number, salt, created
_CRC: Final = struct.Struct("<I")
_COPY_BYTES: Final = _FIELDS.size + _CRC.size

SEGMENT_HEADER_BYTES: Final = 2 * _COPY_BYTES
"""The header is written twice, so that one flipped bit cannot take a segment with it."""


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """Identity of a segment: `salt` is random, `created_ns` is Unix time."""

    number: int
    importance: int
    salt: int
    created_ns: int

    @property
    def seed(self) -> int:
        """What the CRC-32C of every record header of this segment starts from."""
        return int(google_crc32c.value(struct.pack("<QQ", self.salt, self.number)))


def encode_segment_header(header: SegmentHeader) -> bytes:
    """Return both copies."""
    fields = _FIELDS.pack(
        MAGIC, FORMAT_VERSION, header.importance, header.number, header.salt, header.created_ns
    )
    return 2 * (fields + _CRC.pack(google_crc32c.value(fields)))


def decode_segment_header(data: bytes) -> SegmentHeader | None:
    """Return the header from whichever copy in `data` is whole; None if neither is, or of another version."""
    for start in (0, _COPY_BYTES):
        copy = data[start : start + _COPY_BYTES]
        if len(copy) < _COPY_BYTES or google_crc32c.value(copy[: _FIELDS.size]) != _CRC.unpack(copy[-4:])[0]:
            continue
        magic, version, importance, number, salt, created_ns = _FIELDS.unpack(copy[: _FIELDS.size])
        if magic == MAGIC and version == FORMAT_VERSION:
            return SegmentHeader(number, importance, salt, created_ns)
    return None
