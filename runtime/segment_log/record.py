"""How a record looks in a segment: pure functions on bytes. docs/segment-log.md is the specification.

A header's CRC-32C is seeded with its segment's salt and covers its own offset, so bytes count as a record
only in the one place where the log wrote them. A payload that happens, or is forged, to look like a record
is never taken for one when a reader searches for the next good record behind a damaged one.
"""

import struct
from dataclasses import dataclass
from typing import Final, NamedTuple

import google_crc32c

MARKER: Final = b"\xa6SLr"
"""Opens every record. What a search after damage looks for."""

_FIELDS: Final = struct.Struct("<4sBBHII")  # marker, type, importance, key, payload, payload CRC-32C
_CRC: Final = struct.Struct("<I")
_OFFSET: Final = struct.Struct("<Q")
_COUNT: Final = struct.Struct("<Q")

HEADER_BYTES: Final = _FIELDS.size + _CRC.size
"""Bytes before a record's key: 20."""

KEY_BYTES_MAX: Final = 0xFFFF
PAYLOAD_BYTES_MAX: Final = 0xFFFF_FFFF
IMPORTANCE_MAX: Final = 255
RECORD_TYPE_MAX: Final = 254
SEAL_TYPE: Final = 255
"""The record that closes a segment; its payload is the number of records before it."""

SEAL_BYTES: Final = HEADER_BYTES + _COUNT.size


class RecordId(NamedTuple):
    """Where a record lives for as long as it is held; ids are never given twice."""

    segment: int
    offset: int

    def __str__(self) -> str:
        return f"{self.segment}:{self.offset}"


@dataclass(frozen=True, slots=True)
class Record:
    """What an owner stored."""

    record_type: int
    payload: bytes
    importance: int = 0
    key: bytes = b""


@dataclass(frozen=True, slots=True)
class RecordHeader:
    """A record without its payload; all that an index needs."""

    record_type: int
    importance: int
    key: bytes
    payload_bytes: int
    payload_crc: int

    @property
    def size_bytes(self) -> int:
        """Bytes of the whole record in its segment."""
        return HEADER_BYTES + len(self.key) + self.payload_bytes

    @property
    def payload_start(self) -> int:
        """Bytes from the record's offset to its payload."""
        return HEADER_BYTES + len(self.key)

    def accepts(self, payload: bytes) -> bool:
        """Say whether `payload` is the one that was written."""
        return len(payload) == self.payload_bytes and google_crc32c.value(payload) == self.payload_crc


def encode_record(record: Record, seed: int, offset: int) -> tuple[bytes, bytes]:
    """Return header with key, and payload: the two parts to write at `offset` of the segment of `seed`."""
    payload_crc = google_crc32c.value(record.payload)
    fields = _FIELDS.pack(
        MARKER, record.record_type, record.importance, len(record.key), len(record.payload), payload_crc
    )
    crc = _header_crc(seed, offset, fields, record.key)
    return fields + _CRC.pack(crc) + record.key, record.payload


def encode_seal(records: int, importance: int, seed: int, offset: int) -> bytes:
    """Return the record that closes a segment of `records` records, to be written at `offset`."""
    return b"".join(encode_record(Record(SEAL_TYPE, _COUNT.pack(records), importance), seed, offset))


def decode_seal(data: bytes, seed: int, offset: int) -> int | None:
    """Return how many records the seal `data` found at `offset` counts; None if it is no seal."""
    header = decode_header(data, seed, offset)
    if header is None or header.record_type != SEAL_TYPE or len(data) != SEAL_BYTES:
        return None
    payload = data[header.payload_start :]
    return int(_COUNT.unpack(payload)[0]) if header.accepts(payload) else None


def key_bytes_of(data: bytes) -> int:
    """Return the key length that an unchecked header of at least HEADER_BYTES claims."""
    return int.from_bytes(data[6:8], "little")


def decode_header(data: bytes, seed: int, offset: int) -> RecordHeader | None:
    """Return the header that `data` (header, key, anything) begins with; None if no record lies here."""
    if len(data) < HEADER_BYTES or not data.startswith(MARKER):
        return None
    _, record_type, importance, key_bytes, payload_bytes, payload_crc = _FIELDS.unpack_from(data)
    key = data[HEADER_BYTES : HEADER_BYTES + key_bytes]
    if len(key) != key_bytes:
        return None
    (crc,) = _CRC.unpack_from(data, _FIELDS.size)
    if crc != _header_crc(seed, offset, data[: _FIELDS.size], key):
        return None
    return RecordHeader(record_type, importance, key, payload_bytes, payload_crc)


def _header_crc(seed: int, offset: int, fields: bytes, key: bytes) -> int:
    return int(google_crc32c.extend(seed, _OFFSET.pack(offset) + fields + key))
