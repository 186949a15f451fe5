"""Frames as the ring keeps them, without a model: real packets with payloads of any bytes."""

from edge.ring_records import KeptFrame
from shared_models.bitstream.packet import Packet, PacketKind
from shared_models.bitstream.writer import write_packet
from shared_models.frames import CaptureTime

FINGERPRINT = b"\x01\x02\x03\x04\x05\x06\x07\x08"
BOOT_ID = "00112233445566aa"
SECOND = 10**9


def base_packet(payload: bytes, width: int = 64, height: int = 48) -> Packet:
    """A base packet that every parser takes and no model has made."""
    return Packet(
        kind=PacketKind.BASE_INTRA,
        fingerprint=FINGERPRINT,
        frame_width=width,
        frame_height=height,
        quality_code=1600,
        width_id=0,
        reference=None,
        symbols_crc32c=7,
        parts=(payload,),
    )


def kept_frame(camera: str, epoch: int, seq: int, payload_bytes: int = 40) -> KeptFrame:
    """The frame `seq`, captured `seq` seconds after 1970."""
    packet = write_packet(base_packet(seq.to_bytes(8, "little") * (payload_bytes // 8)))
    time = CaptureTime(seq * SECOND, seq * SECOND, BOOT_ID)
    return KeptFrame(camera, epoch, seq, time, encode_us=1000, change_score=0.5, packet=packet)
