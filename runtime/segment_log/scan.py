"""Walking the records of a segment, past damage: no files, only a function that reads bytes.

Damage is stepped over in two ways. Where a header is whole and its payload is not, the next record begins
where the header says. Where the header is bad, the next record is searched for, byte by byte.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from runtime.segment_log.record import HEADER_BYTES, MARKER, RecordHeader, decode_header, key_bytes_of

ReadAt: TypeAlias = Callable[[int, int], bytes]
"""(size_bytes, offset) -> bytes; fewer at the end of the data; may raise OSError."""

_SEARCH_BYTES: Final = 64 * 1024
_KEY_BYTES_USUAL: Final = 64
"""Keys up to this length are read together with the header."""

_SECTOR_BYTES: Final = 4096
"""How far a search steps over bytes that the disk cannot read."""


@dataclass(frozen=True, slots=True)
class ScannedRecord:
    """A good record; `payload` is None where payloads were not asked for."""

    offset: int
    header: RecordHeader
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class DamagedSpan:
    """Bytes from `offset` to `end` that hold no good record; `is_tail` if nothing good follows."""

    offset: int
    end: int
    is_tail: bool


class BlockReader:
    """Serve small neighbouring reads from one larger one."""

    def __init__(self, read_at: ReadAt, block_bytes: int) -> None:
        """Take the reads from `read_at`, at least `block_bytes` at a time."""
        self._read_at = read_at
        self._block_bytes = block_bytes
        self._block = b""
        self._start = 0

    def __call__(self, size_bytes: int, offset: int) -> bytes:
        """Return `size_bytes` from `offset`."""
        begin = offset - self._start
        if begin < 0 or begin + size_bytes > len(self._block):
            self._block = self._read_at(max(size_bytes, self._block_bytes), offset)
            self._start, begin = offset, 0
        return self._block[begin : begin + size_bytes]


def scan_records(
    read_at: ReadAt, seed: int, start: int, end: int, *, with_payloads: bool
) -> Iterator[ScannedRecord | DamagedSpan]:
    """Yield what lies between `start`, where a record begins, and `end`, in order.

    Without payloads a record counts as good when its header is.
    """
    offset = start
    while offset < end:
        header = read_header(read_at, seed, offset, end)
        if header is None:
            follower = _find_record(read_at, seed, offset + 1, end)
            yield DamagedSpan(offset, end if follower is None else follower, is_tail=follower is None)
            offset = end if follower is None else follower
            continue
        payload = _read_payload(read_at, header, offset) if with_payloads else None
        after = offset + header.size_bytes
        if with_payloads and payload is None:
            yield DamagedSpan(offset, after, is_tail=after == end)
        else:
            yield ScannedRecord(offset, header, payload)
        offset = after


def read_header(read_at: ReadAt, seed: int, offset: int, end: int) -> RecordHeader | None:
    """Return the header at `offset` of a record that ends by `end`; None if there is no such record."""
    try:
        data = read_at(HEADER_BYTES + _KEY_BYTES_USUAL, offset)
        if not data.startswith(MARKER) or len(data) < HEADER_BYTES:
            return None
        if (key_bytes := key_bytes_of(data)) > _KEY_BYTES_USUAL:
            data = read_at(HEADER_BYTES + key_bytes, offset)
    except OSError:
        return None  # a sector that cannot be read is damage like any other
    header = decode_header(data, seed, offset)
    return header if header is not None and offset + header.size_bytes <= end else None


def _read_payload(read_at: ReadAt, header: RecordHeader, offset: int) -> bytes | None:
    try:
        payload = read_at(header.payload_bytes, offset + header.payload_start)
    except OSError:
        return None
    return payload if header.accepts(payload) else None


def _find_record(read_at: ReadAt, seed: int, start: int, end: int) -> int | None:
    """Return the offset of the first record header in [start, end)."""
    position = start
    while position < end:
        try:
            chunk = read_at(min(_SEARCH_BYTES, end - position), position)
        except OSError:
            position = (position // _SECTOR_BYTES + 1) * _SECTOR_BYTES
            continue
        if not chunk:
            return None
        found = chunk.find(MARKER)
        while found >= 0:
            if read_header(read_at, seed, position + found, end) is not None:
                return position + found
            found = chunk.find(MARKER, found + 1)
        # a marker may straddle two chunks
        position += max(len(chunk) - len(MARKER) + 1, 1)
    return None
