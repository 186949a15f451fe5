"""Everything that will take turns on the clock, made for one request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from shared_models.bitstream.writer import write_packet
from shared_models.codecs.backend import BackendOptions
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.codecs.slim.profile import SlimProfile, encoder_part
from shared_models.errors import InputError
from shared_models.evaluation.latency.codec_stages import FLOAT, CodecBench
from shared_models.evaluation.latency.encoders import compare, int8_encoders
from shared_models.evaluation.latency.memory import MemoryPlan
from shared_models.evaluation.latency.path_stages import PathBench
from shared_models.evaluation.latency.peer_stages import PeerBench
from shared_models.evaluation.latency.reencoded import ReencodedCodec
from shared_models.evaluation.latency.report import Int8Row, Size
from shared_models.evaluation.latency.request import LatencyRequest
from shared_models.evaluation.latency.scenes import calibration_pictures, fit, make_frames
from shared_models.evaluation.latency.stage import INT8, Stage, StageKey
from shared_models.frames import Pixels
from shared_models.packages.package import ModelPackage

CALIBRATION_FRAMES: Final = 8
"""Frames that fix the ranges of int8 encoders; others are measured."""
MEMORY_FRAMES: Final = 3


@dataclass(slots=True)
class Suite:
    """Stages to time, and what else was found or is to be measured on the way."""

    stages: list[Stage] = field(default_factory=list)
    int8: list[Int8Row] = field(default_factory=list)
    int8_codecs: Mapping[str, SlimCodec] = field(default_factory=dict)
    """The codecs that these rows compare: `fp32` and `int8`."""
    memory: list[tuple[StageKey, MemoryPlan]] = field(default_factory=list)
    peers: dict[str, str] = field(default_factory=dict)
    """The settings of peers, by name."""
    missing: dict[str, str] = field(default_factory=dict)


class SuiteMaker:
    """Makes a suite, size by size; raises InputError or ModelError for what cannot be measured."""

    def __init__(self, request: LatencyRequest, package: ModelPackage) -> None:
        """Read the frames and quantise the encoders."""
        self.request, self.package = request, package
        profile = SlimProfile.of(package)
        self.widths = _known_widths(request.widths, profile.runtime.widths)
        self.qualities = request.qualities or (profile.runtime.quality_default,)
        self.source = make_frames(request.source, request.frames + CALIBRATION_FRAMES)
        self.calibration = calibration_pictures(request.calibration) if request.calibration else []
        self.stride = profile.decoding.base.stride
        self.suite = Suite()

    def make(self) -> Suite:
        """Make every stage, in the order in which a frame meets them."""
        for size in self.request.sizes:
            frames = fit(self.source, size)
            calibration, measured = frames[: -self.request.frames], frames[-self.request.frames :]
            calibration = self.calibration or calibration
            encoders: Mapping[str, bytes] = {}
            if INT8 in self.request.backends:
                encoders = int8_encoders(self.package, self.widths, self.stride, calibration)
            for threads in self.request.threads:
                self._add_codec(size, threads, measured, encoders)
            peers = PeerBench(measured)
            self.suite.stages += peers.stages()
            self.suite.peers |= peers.settings
            self.suite.missing |= peers.missing
        return self.suite

    def _add_codec(
        self, size: Size, threads: int, frames: Sequence[Pixels], encoders: Mapping[str, bytes]
    ) -> None:
        options = BackendOptions(threads=threads)
        codecs: dict[str, SlimCodec] = {FLOAT: SlimCodec.load(self.package, backend=options)}
        if encoders:
            codecs[INT8] = ReencodedCodec(self.package, options, encoders)
        bench = CodecBench(self.package, threads, frames, codecs)
        coded = {quality: bench.code(self.widths[-1], quality) for quality in self.qualities}
        stages = self.suite.stages
        stages.append(bench.colour_stage())
        for backend in self.request.backends:
            stages += [bench.transform_stage(width, backend) for width in self.widths]
        for quality in self.qualities:
            stages += bench.entropy_stages(quality, coded[quality])
            for backend in self.request.backends:
                stages += [bench.whole_encode(width, quality, backend) for width in self.widths]
            paths = PathBench(codecs[FLOAT], frames, coded[quality])
            stages += paths.built_in(self.package)
            if self.request.bridge:
                stages += paths.bridged(self.request.bridge)
            if self.request.detector:
                stages += paths.on_pixels(self.request.detector)
            if encoders and not self.suite.int8_codecs:
                self.suite.int8 += [
                    compare(codecs[FLOAT], codecs[INT8], bench.layer, width, quality, frames)
                    for width in self.widths
                ]
        if encoders and not self.suite.int8_codecs:
            self.suite.int8_codecs = codecs
        if self.request.measures_memory and not self.suite.memory:
            packet = write_packet(coded[self.qualities[0]][0].packet)
            self._plan_memory(size, threads, (frames[0], packet), encoders)

    def _plan_memory(
        self, size: Size, threads: int, work: tuple[Pixels, bytes], encoders: Mapping[str, bytes]
    ) -> None:
        picture, packet = work

        def plan(what: Pixels | bytes, width: float, given: Mapping[str, bytes]) -> MemoryPlan:
            return MemoryPlan(
                self.request.model, threads, what, width, self.qualities[0], given, MEMORY_FRAMES
            )

        for backend in self.request.backends:
            for width in self.widths:
                part = encoder_part(width)
                given = {part: encoders[part]} if backend == INT8 else {}
                key = StageKey("edge", "encode", size, threads, backend, width)
                self.suite.memory.append((key, plan(picture, width, given)))
        key = StageKey("cloud", "decode", size, threads, FLOAT)
        self.suite.memory.append((key, plan(packet, self.widths[0], {})))


def _known_widths(asked: Sequence[float], known: Sequence[float]) -> tuple[float, ...]:
    unknown = [width for width in asked if width not in known]
    if unknown:
        raise InputError(f"there is no width {unknown[0]:g}; the model has {', '.join(map(str, known))}")
    return tuple(width for width in known if not asked or width in asked)
