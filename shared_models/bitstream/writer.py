"""From packets to bytes. Layouts: docs/bitstream.md, sections 2 and 3."""

from shared_models.bitstream.cursor import varint
from shared_models.bitstream.layout import MULTIPART_BIT, PACKET_VERSION, WIDTH_SHIFT
from shared_models.bitstream.packet import Packet, PacketKind, StreamFormat


def write_live(packet: Packet, fmt: StreamFormat, seq: int) -> bytes:
    """Write the short form, for a peer that has agreed on `fmt` and learns `seq` from the message around it.

    The header takes 7 bytes for intra, 11 for enhancement and 12 for predicted packets whose reference is
    at most 127 frames back. Raises ValueError where `packet` does not belong to `fmt` or `seq`.
    """
    if packet.format != fmt:
        raise ValueError(f"the packet's format is {packet.format} and the session agreed on {fmt}")
    reference = b""
    if packet.reference is not None:
        distance = seq - packet.reference.seq
        if packet.kind is PacketKind.ENHANCEMENT and distance != 0:
            raise ValueError(f"the enhancement of frame {seq} names the base of frame {packet.reference.seq}")
        if packet.kind is PacketKind.BASE_PREDICTED:
            if distance < 1:
                raise ValueError(f"frame {seq} cannot be predicted from frame {packet.reference.seq}")
            reference = varint(distance)
        reference += packet.reference.symbols_crc32c.to_bytes(4, "little")
    return b"".join(
        (
            _first_byte(packet),
            _codes(packet),
            reference,
            _part_sizes(packet, last_is_implied=True),
            *packet.parts,
        )
    )


def write_packet(packet: Packet) -> bytes:
    """Write the complete form, which describes itself and knows its own end, as files hold it."""
    reference = b""
    if packet.reference is not None:
        reference = varint(packet.reference.seq) + packet.reference.symbols_crc32c.to_bytes(4, "little")
    return b"".join(
        (
            _first_byte(packet),
            packet.fingerprint,
            packet.frame_width.to_bytes(2, "little"),
            packet.frame_height.to_bytes(2, "little"),
            _codes(packet),
            reference,
            _part_sizes(packet, last_is_implied=False),
            *packet.parts,
        )
    )


def _first_byte(packet: Packet) -> bytes:
    return bytes([PACKET_VERSION << 4 | packet.kind])


def _codes(packet: Packet) -> bytes:
    is_multipart = len(packet.parts) > 1
    codes = packet.width_id << WIDTH_SHIFT | is_multipart << MULTIPART_BIT | packet.quality_code
    return codes.to_bytes(2, "little") + packet.symbols_crc32c.to_bytes(4, "little")


def _part_sizes(packet: Packet, last_is_implied: bool) -> bytes:
    count = varint(len(packet.parts)) if len(packet.parts) > 1 else b""
    sized = packet.parts[:-1] if last_is_implied else packet.parts
    return count + b"".join(varint(len(part)) for part in sized)
