"""From bytes to packets. Everything is checked before it is used; each error says what and where.

The layout is canonical: bytes that are accepted are the only bytes that `writer` makes for that packet.
"""

from dataclasses import dataclass
from itertools import accumulate, pairwise

from shared_models.bitstream.cursor import Cursor, Octets
from shared_models.bitstream.layout import MULTIPART_BIT, PACKET_VERSION, QUALITY_BITS, WIDTH_SHIFT
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.packet import (
    FINGERPRINT_BYTES,
    QUALITY_CODE_MAX,
    Packet,
    PacketHeader,
    PacketKind,
    Reference,
    StreamFormat,
)
from shared_models.errors import MalformedError, TruncatedError, UnsupportedError


def read_live(data: Octets, fmt: StreamFormat, limits: Limits, seq: int) -> Packet:
    """Read the short form, sent in a session that agreed on `fmt`, of the frame `seq`; raise BitstreamError.

    The end of the payload is the end of `data`: whoever framed the message vouches for it.
    """
    cursor = Cursor(data)
    return _read_outline(cursor, limits, _Session(fmt, seq)).packet(cursor)


def peek_live(data: Octets, fmt: StreamFormat, limits: Limits, seq: int) -> PacketHeader:
    """Check the short form as `read_live` does and return its header, without touching the payload."""
    return _read_outline(Cursor(data), limits, _Session(fmt, seq)).header


def read_packet(data: Octets, limits: Limits) -> Packet:
    """Read the complete form, which must fill `data`; raise BitstreamError."""
    cursor = Cursor(data)
    packet = take_packet(cursor, limits)
    _refuse_trailing(cursor)
    return packet


def peek(data: Octets, limits: Limits) -> PacketHeader:
    """Check the complete form as `read_packet` does and return its header, without touching the payload."""
    cursor = Cursor(data)
    header = skip_packet(cursor, limits)
    _refuse_trailing(cursor)
    return header


def take_packet(cursor: Cursor, limits: Limits) -> Packet:
    """Read the complete packet that begins at `cursor`, and move behind it."""
    return _read_outline(cursor, limits, None).packet(cursor)


def skip_packet(cursor: Cursor, limits: Limits) -> PacketHeader:
    """Check the complete packet that begins at `cursor`, move behind it, and return its header."""
    outline = _read_outline(cursor, limits, None)
    cursor.position = outline.part_bounds[-1]
    return outline.header


@dataclass(frozen=True, slots=True)
class _Session:
    """What a live packet leaves unsaid."""

    format: StreamFormat
    seq: int


@dataclass(frozen=True, slots=True)
class _Outline:
    """A checked header, and where each part begins followed by where the last one ends."""

    header: PacketHeader
    part_bounds: tuple[int, ...]

    def packet(self, cursor: Cursor) -> Packet:
        """Copy the parts out and move `cursor` behind them."""
        parts = tuple(bytes(cursor.data[start:end]) for start, end in pairwise(self.part_bounds))
        cursor.position = self.part_bounds[-1]
        h = self.header
        return Packet(
            h.kind, h.fingerprint, h.frame_width, h.frame_height, h.quality_code, h.width_id, h.reference,
            h.symbols_crc32c, parts,
        )  # fmt: skip


def _read_outline(cursor: Cursor, limits: Limits, session: _Session | None) -> _Outline:
    """Read the live form if there is a `session`, else the complete form, up to the payload."""
    kind = _read_kind(cursor)
    fmt = session.format if session else _read_format(cursor)
    limits.check_pixels(fmt.frame_width, fmt.frame_height, cursor.position)
    quality_code, is_multipart, width_id = _read_codes(cursor, kind)
    crc = cursor.uint(4, "the symbols' CRC-32C")
    reference = _read_reference(cursor, kind, session) if kind.has_reference else None
    part_count = _read_part_count(cursor, limits) if is_multipart else 1
    part_bounds = _read_part_bounds(cursor, limits, part_count, last_is_implied=session is not None)
    header = PacketHeader(
        kind,
        fmt.fingerprint,
        fmt.frame_width,
        fmt.frame_height,
        quality_code,
        width_id,
        reference,
        crc,
    )
    return _Outline(header, part_bounds)


def _read_kind(cursor: Cursor) -> PacketKind:
    offset = cursor.position
    version, kind = divmod(cursor.uint(1, "the version and kind"), 16)
    if version != PACKET_VERSION:
        raise UnsupportedError(
            f"packet version {version} is not known to this build, which reads version {PACKET_VERSION}",
            offset,
        )
    try:
        return PacketKind(kind)
    except ValueError:
        raise UnsupportedError(
            f"packet kind {kind} is reserved; this build knows kinds 0 to {max(PacketKind)}", offset
        ) from None


def _read_format(cursor: Cursor) -> StreamFormat:
    fingerprint = bytes(cursor.take(FINGERPRINT_BYTES, "the model fingerprint"))
    offset = cursor.position
    width, height = cursor.uint(2, "the frame width"), cursor.uint(2, "the frame height")
    if width == 0 or height == 0:
        raise MalformedError(f"a frame of {width}×{height} has no pixels", offset)
    return StreamFormat(fingerprint, width, height)


def _read_codes(cursor: Cursor, kind: PacketKind) -> tuple[int, bool, int]:
    """Return the quality code, whether a part count follows, and the width id."""
    offset = cursor.position
    codes = cursor.uint(2, "the quality code and width id")
    quality_code = codes & (1 << QUALITY_BITS) - 1
    if quality_code > QUALITY_CODE_MAX:
        raise MalformedError(f"quality code {quality_code} is beyond {QUALITY_CODE_MAX}", offset)
    is_multipart = bool(codes >> MULTIPART_BIT & 1)
    if is_multipart and kind.is_base:
        raise MalformedError("a base packet has one part and this one claims several", offset)
    return quality_code, is_multipart, codes >> WIDTH_SHIFT


def _read_reference(cursor: Cursor, kind: PacketKind, session: _Session | None) -> Reference:
    offset = cursor.position
    if session is None:
        seq = cursor.varint("the reference's sequence number")
    elif kind is PacketKind.ENHANCEMENT:
        seq = session.seq
    else:
        distance = cursor.varint("the distance to the reference")
        if not 1 <= distance <= session.seq:
            raise MalformedError(f"frame {session.seq} cannot lean on the frame {distance} before it", offset)
        seq = session.seq - distance
    return Reference(seq, cursor.uint(4, "the reference's CRC-32C"))


def _read_part_count(cursor: Cursor, limits: Limits) -> int:
    offset = cursor.position
    count = cursor.varint("the part count")
    if count < 2:
        raise MalformedError(f"a part count is written for two parts or more, not for {count}", offset)
    limits.check_parts(count, offset)
    return count


def _read_part_bounds(cursor: Cursor, limits: Limits, count: int, last_is_implied: bool) -> tuple[int, ...]:
    """Return `count` + 1 offsets that divide the payload."""
    offset = cursor.position
    sizes = [cursor.varint(f"the size of part {index}") for index in range(count - last_is_implied)]
    needed = sum(sizes)
    limits.check_payload(max(needed, cursor.left) if last_is_implied else needed, offset)
    if needed > cursor.left:
        raise TruncatedError(f"the parts have {needed} bytes and only {cursor.left} are left", offset)
    if last_is_implied:
        sizes.append(cursor.left - needed)
    return tuple(accumulate(sizes, initial=cursor.position))


def _refuse_trailing(cursor: Cursor) -> None:
    if cursor.left:
        raise MalformedError(f"{cursor.left} bytes follow the end of the packet", cursor.position)
