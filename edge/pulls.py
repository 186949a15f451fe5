"""Answers pulls: more of one frame, made when it is asked for from what the ring kept."""

import io
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from PIL import Image

from edge.encoder import EdgeCodec
from edge.memory import give_memory_back, let_go_of_compiler, sparing_memory
from edge.ring import Ring
from edge.ring_records import KeptFrame, RecordType
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.reader import read_packet
from shared_models.bitstream.writer import write_packet
from shared_models.codecs.codec import CodedLayer
from shared_models.errors import InputError, StorageError
from shared_models.frames import FrameId, Pixels, psnr_db

PACKET_MEDIA_TYPE: Final = "application/x-slimstream-packet"
JPEG_MEDIA_TYPE: Final = "image/jpeg"
NEAREST_MAX: Final = 4


class PulledLayer(IntEnum):
    """What may be asked for; numbered as in the protocol."""

    BASE = 1
    ENHANCEMENT = 2
    SOURCE = 3


@dataclass(frozen=True, slots=True)
class PullRequest:
    """One layer of one frame. `quality`, 0 to 100, is for the enhancement; None is the agent's default."""

    frame_id: FrameId
    layer: PulledLayer
    quality: float | None


@dataclass(frozen=True, slots=True)
class PullAnswer:
    """The layer, and how close its picture and the preview come to the source, where that is known."""

    media_type: str
    data: bytes
    psnr_db: float | None = None
    preview_psnr_db: float | None = None


class PullAnswerer:
    """Makes answers, one at a time: pulls must never take the processor away from live frames."""

    def __init__(
        self,
        ring: Ring,
        load_codec: Callable[[], EdgeCodec],
        *,
        quality_default: float,
        reports_psnr: bool,
    ) -> None:
        """Answer from `ring`; `quality_default` is for pulls that name no quality.

        `load_codec` makes a codec that lives from one pull to the next `release`: its networks take more
        memory than all the rest of an agent, and most agents are asked for a frame a few times a day.
        """
        self._ring = ring
        self._load_codec = load_codec
        self._codec: EdgeCodec | None = None
        self._quality_default = quality_default
        self._reports_psnr = reports_psnr
        self._limits = Limits()
        self._turn = threading.Lock()

    def answer(self, request: PullRequest) -> PullAnswer:
        """Return the layer.

        Raises:
            NotHeldError: the frame is no longer in the ring.
            SlimstreamError: it is, and the layer cannot be made from what was kept.
        """
        frame, kind, kept = self._ring.read_kept(request.frame_id)
        if request.layer is PulledLayer.BASE:
            return PullAnswer(PACKET_MEDIA_TYPE, frame.packet)
        if request.layer is PulledLayer.SOURCE:
            if kind is not RecordType.SOURCE:
                raise InputError(
                    "this agent keeps enhancement layers and no sources; set ring.keep to source"
                )
            return PullAnswer(JPEG_MEDIA_TYPE, kept)
        if kind is RecordType.ENHANCEMENT:
            return PullAnswer(PACKET_MEDIA_TYPE, kept)
        quality = self._quality_default if request.quality is None else request.quality
        with self._turn, sparing_memory():
            return self._enhance(frame, kept, quality)

    def release(self) -> None:
        """Let go of the codec; the next pull loads it again."""
        with self._turn:
            if self._codec is not None:
                self._codec = None
                give_memory_back()

    def _enhance(self, frame: KeptFrame, jpeg: bytes, quality: float) -> PullAnswer:
        """Code the enhancement against exactly the base symbols that were sent."""
        is_fresh = self._codec is None
        self._codec = codec = self._codec or self._load_codec()
        packet = read_packet(frame.packet, self._limits)
        base = CodedLayer(packet, codec.decode_base(packet, self._limits))
        source = from_jpeg(jpeg)
        enhancement = codec.encode_enhancement(source, base, quality=quality, seq=frame.seq)
        if is_fresh:
            let_go_of_compiler()  # the kernels that pulls need are loaded
        data = write_packet(enhancement.packet)
        if not self._reports_psnr:
            return PullAnswer(PACKET_MEDIA_TYPE, data)
        latents = codec.latents(base.symbols, packet.quality_code)
        preview = codec.preview(latents, packet.frame_width, packet.frame_height)
        full = codec.reconstruct(base, enhancement)
        return PullAnswer(PACKET_MEDIA_TYPE, data, psnr_db(full, source), psnr_db(preview, source))


def from_jpeg(jpeg: bytes) -> Pixels:
    """Read a kept picture back; raise StorageError if it is damaged."""
    try:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
            return np.ascontiguousarray(image.convert("RGB"), dtype=np.uint8)
    except (OSError, ValueError) as error:
        raise StorageError(f"the kept picture cannot be read back: {error}") from error
