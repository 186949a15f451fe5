"""From a picture to what the ring keeps: the packet that is sent, and what answers a pull."""

import io
import time
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from edge.config import Keep
from edge.ring_records import RecordType
from shared_models.bitstream.writer import write_packet
from shared_models.codecs.codec import BaseEncoder, Decoder, EnhancementEncoder
from shared_models.frames import Pixels


class EdgeCodec(BaseEncoder, EnhancementEncoder, Decoder, Protocol):
    """Everything the agent asks of a codec; the decoder serves only the figures that go with a pull."""


@dataclass(frozen=True, slots=True)
class CodingChoice:
    """How a camera's frames are coded: quality 0 to 100, and a width that the model has."""

    quality: float
    width: float
    enhancement_quality: float


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """A coded frame: the base packet in complete form, its cost, and what is kept beside it."""

    packet: bytes
    encode_us: int
    kept: tuple[RecordType, bytes]


class FrameEncoder:
    """Codes frames for any camera. Safe to call from several threads."""

    def __init__(self, codec: EdgeCodec, keep: Keep, source_quality: int) -> None:
        """Keep `keep` beside each packet; `source_quality` is the JPEG's."""
        self._codec = codec
        self._keep = keep
        self._source_quality = source_quality

    def encode(self, pixels: Pixels, seq: int, choice: CodingChoice) -> EncodedFrame:
        """Code one picture; raise InputError or ModelError. `encode_us` is the time for the packet alone."""
        start_ns = time.perf_counter_ns()
        base = self._codec.encode_base(pixels, quality=choice.quality, width=choice.width)
        packet = write_packet(base.packet)
        encode_us = (time.perf_counter_ns() - start_ns) // 1000
        if self._keep is Keep.SOURCE:
            return EncodedFrame(packet, encode_us, (RecordType.SOURCE, to_jpeg(pixels, self._source_quality)))
        enhancement = self._codec.encode_enhancement(
            pixels, base, quality=choice.enhancement_quality, seq=seq
        )
        return EncodedFrame(packet, encode_us, (RecordType.ENHANCEMENT, write_packet(enhancement.packet)))


def to_jpeg(pixels: Pixels, quality: int) -> bytes:
    """Write a JPEG with full colour resolution: what is kept must not limit what is pulled."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality, subsampling="4:4:4")
    return out.getvalue()
