"""Video encoders as picture codecs: one intra frame, as the raw stream that a decoder can start from."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from shared_models.errors import InputError
from shared_models.evaluation.peers.codec import Missing
from shared_models.evaluation.peers.priority import kept_priority
from shared_models.evaluation.peers.yuv import YUV_SETTINGS, to_frame, to_pixels
from shared_models.frames import Pixels


@dataclass(frozen=True, slots=True)
class IntraCodec:
    """An encoder of FFmpeg at a constant rate factor, and a decoder for what it writes.

    The bytes are Annex B or OBUs with every parameter set and without a container. An encoder is opened for
    each picture, and its time says so: a camera that keeps one open spends less.
    """

    name: str
    encoder: str
    decoder: str
    options: Mapping[str, str]
    qualities: tuple[float, ...]
    crf_max: int
    side_min: int = 2
    removed_units: str | None = None
    """FFmpeg's `filter_units` types that a decoder does not need: the encoder's advertisement of itself."""
    quality_name: str = "CRF"

    @property
    def settings(self) -> str:
        """Name FFmpeg's version, the encoder and its options."""
        import av

        version = ".".join(map(str, av.library_versions["libavcodec"]))
        options = ", ".join(f"{key} {value}" for key, value in self.options.items())
        return (
            f"{self.encoder} of PyAV {av.__version__} (libavcodec {version}), one intra frame, {options}, "
            f"{YUV_SETTINGS}; raw stream with parameter sets"
        )

    @kept_priority()
    def encode(self, pixels: Pixels, quality: float) -> bytes:
        """Return the raw stream at a CRF; raise InputError for one that the encoder does not have."""
        import av

        if not 0 <= quality <= self.crf_max:
            raise InputError(f"{self.name} has no CRF {quality:g}; it runs from 0 (best) to {self.crf_max}")
        frame = to_frame(pixels, side_min=self.side_min)
        frame.pts = 0
        context = av.Codec(self.encoder, "w").create("video")
        context.width, context.height, context.pix_fmt = frame.width, frame.height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
        context.thread_count = 1
        context.options = {**self.options, "crf": f"{quality:g}"}
        packets = [*context.encode(frame), *context.encode(None)]
        if self.removed_units:
            from av.bitstream import BitStreamFilterContext

            unit_filter = BitStreamFilterContext(
                f"filter_units=remove_types={self.removed_units}", context.codec
            )
            packets = [kept for packet in [*packets, None] for kept in unit_filter.filter(packet)]
        return b"".join(map(bytes, packets))

    def decode(self, data: bytes, width: int, height: int) -> Pixels:
        """Return the picture."""
        import av

        context = av.Codec(self.decoder, "r").create("video")
        context.thread_count = 1
        frames = [*context.decode(av.Packet(data)), *context.decode(None)]
        return to_pixels(frames[0], width, height)


def unless_missing(codec: IntraCodec) -> IntraCodec | Missing:
    """Return the codec, or what this installation lacks for it."""
    return lack(codec.encoder, codec.decoder) or codec


def lack(encoder: str, decoder: str) -> Missing | None:
    """Say what this installation lacks of an encoder and a decoder, by FFmpeg's names."""
    try:
        import av
        from av.codec.codec import UnknownCodecError
    except ImportError:
        return Missing("PyAV is not installed; pip install 'slimstream[eval]'")
    try:
        av.Codec(encoder, "w")
        av.Codec(decoder, "r")
    except UnknownCodecError as unknown:
        return Missing(f"this build of PyAV {av.__version__} has no {unknown}")
    return None
