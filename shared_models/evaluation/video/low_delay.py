"""Video encoders as a camera runs them: one frame in, its packet out, nothing looked at ahead of time."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Self

from shared_models.errors import InputError
from shared_models.evaluation.peers.priority import kept_priority
from shared_models.evaluation.peers.yuv import YUV_SETTINGS, to_frame, to_pixels
from shared_models.frames import Pixels

if TYPE_CHECKING:
    import av

KEYFRAME_INTERVAL: Final = 250
"""Frames from one key frame to the next at most: the default of x264 and x265."""
_RATE_DENOMINATOR_MAX: Final = 1001
_TEMPORAL_DELIMITER: Final = b"\x12\x00"
"""An OBU between AV1 frames that containers and RTP leave out."""


@dataclass(frozen=True, slots=True)
class CodedClip:
    """What an encoder made of a clip: one packet a frame, in the order of the frames."""

    packets: tuple[bytes, ...]
    key_frames: tuple[int, ...]
    """Positions of the frames that stand alone."""
    encode_ms: tuple[float, ...]
    """Processor time of each frame, so that other work on the machine does not count."""

    @classmethod
    def from_bytes(cls, data: bytes) -> Self | None:
        """Read what `to_bytes` wrote; None where it is something else."""
        head, _, body = data.partition(b"\n")
        try:
            fields = json.loads(head)
            ends = [sum(fields["sizes"][: i + 1]) for i in range(len(fields["sizes"]))]
            packets = tuple(body[end - size : end] for end, size in zip(ends, fields["sizes"], strict=True))
            return cls(packets, tuple(fields["key_frames"]), tuple(fields["encode_ms"]))
        except (ValueError, KeyError, TypeError):
            return None

    def to_bytes(self) -> bytes:
        """Write a line of JSON and the packets behind it."""
        fields = {
            "sizes": [len(packet) for packet in self.packets],
            "key_frames": self.key_frames,
            "encode_ms": self.encode_ms,
        }
        return json.dumps(fields).encode() + b"\n" + b"".join(self.packets)


@dataclass(frozen=True, slots=True)
class LowDelayEncoder:
    """An encoder of FFmpeg at a constant rate factor without look-ahead, on one thread, and its decoder.

    Parameter sets travel in the key frames and are counted; what an encoder says about itself is not.
    """

    name: str
    encoder: str
    decoder: str
    options: Mapping[str, str]
    parameters_name: str
    """The option that takes the encoder's own parameters."""
    parameters: Mapping[str, str]
    qualities: tuple[float, ...]
    """CRFs, fewest bytes first."""
    crf_max: int
    side_min: int = 2
    removed_units: str | None = None
    keyframe_interval: int = KEYFRAME_INTERVAL
    quality_name: str = "CRF"

    @property
    def settings(self) -> str:
        """Name FFmpeg's version, the encoder, every option and the interval of key frames."""
        import av

        version = ".".join(map(str, av.library_versions["libavcodec"]))
        options = ", ".join(f"{key} {value}" for key, value in self.options.items())
        return (
            f"{self.encoder} of PyAV {av.__version__} (libavcodec {version}), {options}, {self._parameters}, "
            f"{YUV_SETTINGS}; a key frame every {self.keyframe_interval} frames; "
            "raw stream with parameter sets"
        )

    @kept_priority()
    def encode(self, frames: Sequence[Pixels], fps: float, crf: float) -> CodedClip:
        """Code frames of one size at a CRF; raise InputError for a CRF that the encoder does not have."""
        if not 0 <= crf <= self.crf_max:
            raise InputError(f"{self.name} has no CRF {crf:g}; it runs from 0 (best) to {self.crf_max}")
        first = to_frame(frames[0], side_min=self.side_min)
        context = self._open(first.width, first.height, fps, crf)
        packets: list[av.Packet[av.VideoStream]] = []
        encode_ms = []
        for index, pixels in enumerate(frames):
            frame = to_frame(pixels, side_min=self.side_min)
            frame.pts = index
            began = time.process_time()
            packets += context.encode(frame)
            encode_ms.append(1e3 * (time.process_time() - began))
        packets += context.encode(None)
        assert len(packets) == len(frames), "an encoder without look-ahead gives a packet for each frame"
        keys = tuple(index for index, packet in enumerate(packets) if packet.is_keyframe)
        return CodedClip(tuple(self._payloads(packets, context)), keys, tuple(encode_ms))

    def decode(self, clip: CodedClip, width: int, height: int) -> Iterator[Pixels]:
        """Make the frames again, one after the other."""
        import av

        context = av.CodecContext.create(self.decoder, "r")
        assert isinstance(context, av.VideoCodecContext)
        context.thread_count = 1
        for packet in clip.packets:
            for frame in context.decode(av.Packet(packet)):
                yield to_pixels(frame, width, height)
        for frame in context.decode(None):
            yield to_pixels(frame, width, height)

    @property
    def _parameters(self) -> str:
        own = {**self.parameters, "keyint": str(self.keyframe_interval)}
        return ":".join(f"{key}={value}" for key, value in own.items())

    def _open(self, width: int, height: int, fps: float, crf: float) -> "av.VideoCodecContext":
        import av

        context = av.CodecContext.create(self.encoder, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.framerate = Fraction(fps).limit_denominator(_RATE_DENOMINATOR_MAX)
        context.time_base = 1 / context.framerate
        context.thread_count = 1
        context.options = {**self.options, self.parameters_name: self._parameters, "crf": f"{crf:g}"}
        return context

    def _payloads(
        self, packets: Sequence["av.Packet[av.VideoStream]"], context: "av.VideoCodecContext"
    ) -> Iterator[bytes]:
        if self.removed_units is None:
            yield from (bytes(packet).removeprefix(_TEMPORAL_DELIMITER) for packet in packets)
            return
        from av.bitstream import BitStreamFilterContext

        unit_filter = BitStreamFilterContext(f"filter_units=remove_types={self.removed_units}", context.codec)
        for packet in packets:
            yield b"".join(map(bytes, unit_filter.filter(packet)))


def x264(keyframe_interval: int = KEYFRAME_INTERVAL) -> LowDelayEncoder:
    """Preset veryfast, tune zerolatency."""
    return LowDelayEncoder(
        name="x264",
        encoder="libx264",
        decoder="h264",
        options={"preset": "veryfast", "tune": "zerolatency"},
        parameters_name="x264-params",
        parameters={"threads": "1"},
        qualities=(51, 46, 41, 37, 33, 29, 25, 20),
        crf_max=51,
        removed_units="6",  # the SEI message in which x264 writes down its options
        keyframe_interval=keyframe_interval,
    )


def x265(keyframe_interval: int = KEYFRAME_INTERVAL) -> LowDelayEncoder:
    """Preset superfast, tune zerolatency; `info=0` keeps x265 from writing its options into the stream."""
    return LowDelayEncoder(
        name="x265",
        encoder="libx265",
        decoder="hevc",
        options={"preset": "superfast", "tune": "zerolatency"},
        parameters_name="x265-params",
        parameters={"info": "0", "log-level": "none", "pools": "none", "frame-threads": "1"},
        qualities=(51, 46, 41, 37, 33, 29, 25, 20),
        crf_max=51,
        side_min=32,
        keyframe_interval=keyframe_interval,
    )


def svtav1(keyframe_interval: int = KEYFRAME_INTERVAL) -> LowDelayEncoder:
    """Preset 10, low-delay prediction, the encoder's mode for real-time communication."""
    os.environ.setdefault("SVT_LOG", "0")  # it would report its configuration for every clip
    return LowDelayEncoder(
        name="svtav1",
        encoder="libsvtav1",
        decoder="libdav1d",
        options={"preset": "10"},
        parameters_name="svtav1-params",
        parameters={"pred-struct": "1", "rtc": "1", "lookahead": "0", "lp": "1"},
        qualities=(63, 58, 52, 46, 40, 34, 28, 20),
        crf_max=63,
        side_min=64,
        keyframe_interval=keyframe_interval,
    )


VIDEO_ENCODERS: Final[Mapping[str, Callable[[int], LowDelayEncoder]]] = {
    "x264": x264,
    "x265": x265,
    "svtav1": svtav1,
}
