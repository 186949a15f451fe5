"""A bounds-checked reader over bytes, and the varints both directions share."""

from typing import Final, TypeAlias

from shared_models.errors import MalformedError, TruncatedError

Octets: TypeAlias = bytes | bytearray | memoryview
"""Bytes as they come: nothing here keeps or changes them."""

VARINT_MAX: Final = 2**64 - 1
_VARINT_BYTES_MAX: Final = 10  # ceil(64 / 7)


def varint(value: int) -> bytes:
    """Write 0 to 2^64-1 as unsigned LEB128: seven bits a byte, low bits first, high bit while more follow."""
    if not 0 <= value <= VARINT_MAX:
        raise ValueError(f"a varint holds 0 to 2^64-1, not {value}")
    out = bytearray()
    while value > 0x7F:
        out.append(0x80 | value & 0x7F)
        value >>= 7
    out.append(value)
    return bytes(out)


class Cursor:
    """A position in bytes that only moves forward and never past the end.

    Offsets in errors count from the start of the given bytes, so a packet deep in a file is found again.
    """

    def __init__(self, data: Octets, start: int = 0, end: int | None = None) -> None:
        """Read `data[start:end]`."""
        self.data = memoryview(data).cast("B")
        self.position = start
        self.end = len(self.data) if end is None else end

    @property
    def left(self) -> int:
        """How many bytes remain."""
        return self.end - self.position

    def take(self, count: int, what: str) -> memoryview:
        """Return the next `count` bytes without copying; `what` names them in a TruncatedError."""
        if count > self.left:
            raise TruncatedError(
                f"{what} needs {count} bytes and only {self.left} are left", offset_bytes=self.position
            )
        start = self.position
        self.position += count
        return self.data[start : self.position]

    def uint(self, size_bytes: int, what: str) -> int:
        """Read an unsigned little-endian integer of a fixed size."""
        return int.from_bytes(self.take(size_bytes, what), "little")

    def varint(self, what: str) -> int:
        """Read a varint in its shortest form; raise MalformedError for any other."""
        start, value = self.position, 0
        for index in range(_VARINT_BYTES_MAX):
            octet = self.uint(1, what)
            value |= (octet & 0x7F) << 7 * index
            if octet < 0x80:
                if value > VARINT_MAX or (octet == 0 and index > 0):
                    break
                return value
        raise MalformedError(f"{what} is not a shortest-form varint of at most 64 bits", offset_bytes=start)
