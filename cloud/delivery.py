"""Putting a pulled layer together from its chunks and checking it, sans-I/O."""

import hashlib
from dataclasses import dataclass
from typing import Final

from cloud.pulls import Wanted
from cloud.rejects import RejectedError, RejectReason
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.packet import Packet, PacketKind
from shared_models.bitstream.reader import read_packet
from shared_models.errors import BitstreamError
from shared_models.frames import FrameId
from slimstream.v1.frame_pb2 import LAYER_ENHANCEMENT, LAYER_SOURCE
from slimstream.v1.ingest_pb2 import DeliverRequest
from slimstream.v1.store_pb2 import StoredLayer

_JPEG_START: Final = b"\xff\xd8\xff"
_PSNR_DB_MAX: Final = 200.0


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """How large a delivery may be, in bytes."""

    total_bytes_max: int
    chunk_bytes_max: int


class Delivery:
    """One layer as it arrives."""

    def __init__(self, head: DeliverRequest.Head, wanted: Wanted, limits: DeliveryLimits) -> None:
        """Check the head against what was asked for; raise RejectedError."""
        frame_id = FrameId(head.frame.camera, head.frame.epoch, head.frame.seq)
        if frame_id != wanted.frame_id or head.layer != wanted.layer:
            raise _invalid(f"layer {head.layer} of {frame_id} was delivered where {wanted} was asked for")
        if not 1 <= head.total_bytes <= limits.total_bytes_max:
            raise _invalid(
                f"a layer of {head.total_bytes} bytes is not between 1 and {limits.total_bytes_max}"
            )
        self._head = head
        self._limits = limits
        self._data = bytearray()

    def add(self, chunk: bytes) -> None:
        """Take the next bytes; raise RejectedError when they are too many."""
        if len(chunk) > self._limits.chunk_bytes_max:
            raise _invalid(
                f"a chunk has {len(chunk)} bytes and at most {self._limits.chunk_bytes_max} are accepted"
            )
        if len(self._data) + len(chunk) > self._head.total_bytes:
            raise _invalid(f"more than the {self._head.total_bytes} bytes that were announced have come")
        self._data += chunk

    def finish(self, base: StoredLayer, base_packet: Packet, bitstream: Limits) -> tuple[StoredLayer, bytes]:
        """Return what to store, checked against the frame's base layer; raise RejectedError."""
        data, head = bytes(self._data), self._head
        if len(data) != head.total_bytes:
            raise _invalid(f"{len(data)} of the {head.total_bytes} bytes that were announced have come")
        if hashlib.sha256(data).digest() != head.sha256:
            raise _invalid("the bytes do not match their SHA-256")
        layer = StoredLayer(layer=head.layer, agent=base.agent, sha256=head.sha256)
        layer.frame.CopyFrom(base.frame)
        layer.time.CopyFrom(base.time)
        for field in ("psnr_db", "preview_psnr_db"):
            if head.HasField(field) and 0 <= getattr(head, field) <= _PSNR_DB_MAX:
                setattr(layer, field, getattr(head, field))
        if head.layer == LAYER_ENHANCEMENT:
            self._check_enhancement(layer, data, base_packet, bitstream)
        elif head.layer == LAYER_SOURCE:
            if not data.startswith(_JPEG_START):
                raise _invalid("the source is not a JPEG file")
            layer.media_type = "image/jpeg"
        return layer, data

    def _check_enhancement(
        self, layer: StoredLayer, data: bytes, base_packet: Packet, bitstream: Limits
    ) -> None:
        try:
            packet = read_packet(data, bitstream)
        except BitstreamError as error:
            raise RejectedError(RejectReason.of(error), str(error), is_fatal=True) from None
        reference = packet.reference
        if packet.kind is not PacketKind.ENHANCEMENT or reference is None:
            raise _invalid(f"an enhancement was asked for and a {packet.kind.name} packet came")
        if packet.format != base_packet.format or reference.symbols_crc32c != base_packet.symbols_crc32c:
            raise _invalid("the enhancement leans on other base symbols than those stored here")
        if reference.seq != layer.frame.seq:
            raise _invalid(f"the enhancement names frame {reference.seq} as its base, not {layer.frame.seq}")
        layer.quality_code = packet.quality_code
        layer.frame_width, layer.frame_height = packet.frame_width, packet.frame_height
        layer.model_fingerprint = packet.fingerprint
        layer.media_type = "application/x-slimstream-packet"


def _invalid(detail: str) -> RejectedError:
    return RejectedError(RejectReason.DELIVERY_INVALID, detail, is_fatal=True)
