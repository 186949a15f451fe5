"""Packets, the `.slim` file and their limits, as pure functions on bytes (docs/bitstream.md).

A packet is one layer of one frame. It has a *live* form for a session that has agreed on a `StreamFormat`,
and a *complete* form that describes itself, as files hold it.
"""

from shared_models.bitstream.checksum import crc32c, symbols_crc32c
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.packet import (
    FINGERPRINT_BYTES,
    QUALITY_CODE_MAX,
    QUALITY_STEPS,
    Packet,
    PacketHeader,
    PacketKind,
    Reference,
    StreamFormat,
    quality_code_of,
)
from shared_models.bitstream.reader import peek, peek_live, read_live, read_packet
from shared_models.bitstream.slim_file import SlimFrame
from shared_models.bitstream.slim_reader import SlimFile, read_slim, recover_slim
from shared_models.bitstream.slim_writer import slim_chunks, write_slim
from shared_models.bitstream.writer import write_live, write_packet

__all__ = [
    "FINGERPRINT_BYTES",
    "QUALITY_CODE_MAX",
    "QUALITY_STEPS",
    "Limits",
    "Packet",
    "PacketHeader",
    "PacketKind",
    "Reference",
    "SlimFile",
    "SlimFrame",
    "StreamFormat",
    "crc32c",
    "peek",
    "peek_live",
    "quality_code_of",
    "read_live",
    "read_packet",
    "read_slim",
    "recover_slim",
    "slim_chunks",
    "symbols_crc32c",
    "write_live",
    "write_packet",
    "write_slim",
]
