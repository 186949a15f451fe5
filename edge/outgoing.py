"""From what the session says to send next to the message that carries it."""

from collections import OrderedDict
from typing import Final

from edge.messages import time_message
from edge.ring_records import KeptFrame
from edge.session import FrameRef
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.packet import Packet, StreamFormat
from shared_models.bitstream.reader import read_packet
from shared_models.bitstream.writer import write_live
from slimstream.v1 import frame_pb2, ingest_pb2

FORMAT_IDS: Final = 64
"""Formats of a camera that are agreed at a time: one a picture size and model."""


class FormatBook:
    """The formats that one connection has agreed on, camera by camera."""

    def __init__(self) -> None:
        """Start with none, as every connection does."""
        self._ids: dict[int, OrderedDict[StreamFormat, int]] = {}

    def id_of(self, camera_index: int, fmt: StreamFormat) -> tuple[int, bool]:
        """Return the format's id, and whether it must be announced first; the least used id is given anew."""
        ids = self._ids.setdefault(camera_index, OrderedDict())
        if fmt in ids:
            ids.move_to_end(fmt)
            return ids[fmt], False
        format_id = len(ids) if len(ids) < FORMAT_IDS else ids.popitem(last=False)[1]
        ids[fmt] = format_id
        return format_id, True


def live_form(frame: KeptFrame) -> tuple[Packet, bytes]:
    """Return the kept packet, parsed, and the short form that is sent; raise BitstreamError."""
    packet = read_packet(frame.packet, Limits())
    return packet, write_live(packet, packet.format, frame.seq)


def frame_messages(
    frame: KeptFrame, ref: FrameRef, fmt: StreamFormat, live: bytes, formats: FormatBook
) -> list[ingest_pb2.StreamRequest]:
    """Return the messages that carry a frame, its format first where that is new; they must all be sent."""
    format_id, is_new = formats.id_of(ref.camera_index, fmt)
    messages = []
    if is_new:
        announced = frame_pb2.StreamFormat(
            model_fingerprint=fmt.fingerprint, frame_width=fmt.frame_width, frame_height=fmt.frame_height
        )
        change = ingest_pb2.FormatChange(camera=frame.camera, format_id=format_id, format=announced)
        messages.append(ingest_pb2.StreamRequest(format=change))
    message = ingest_pb2.FramePacket(
        camera_index=ref.camera_index,
        seq=frame.seq,
        time=time_message(frame.time),
        format_id=format_id,
        packet=live,
        backlog=ref.is_backlog,
        encode_us=frame.encode_us,
        change_score=frame.change_score,
    )
    messages.append(ingest_pb2.StreamRequest(frame=message))
    return messages
