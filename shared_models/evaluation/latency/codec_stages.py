"""The stages of our codec: from pixels to a packet on the edge, from a packet to latents in the cloud."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from typing import TypeVar

from shared_models.bitstream.checksum import symbols_crc32c
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.packet import Packet
from shared_models.bitstream.reader import read_packet
from shared_models.bitstream.writer import write_packet
from shared_models.bridges.graph_cost import GraphCost, cost_of
from shared_models.codecs.backend import BackendOptions
from shared_models.codecs.codec import Latents, Symbols
from shared_models.codecs.pictures import to_tensor
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.codecs.slim.context import read_context
from shared_models.codecs.slim.layer import Layer, LayerName
from shared_models.codecs.slim.profile import encoder_part
from shared_models.evaluation.latency.recorded import RecordedFrame
from shared_models.evaluation.latency.report import Side, Size
from shared_models.evaluation.latency.stage import INT8, Stage, StageKey
from shared_models.frames import Pixels
from shared_models.packages.package import ModelPackage

T = TypeVar("T")

FLOAT = "fp32"
EXACT = "exact"
"""The context networks as integer loops, without a runtime: what runs where no backend can be trusted."""


@dataclass(frozen=True, slots=True)
class CodedFrame:
    """One frame at one width and quality, with everything that lies between its stages."""

    latents: Latents
    """(1, C, h, w), as the encoder made them."""
    symbols: Symbols
    packet: Packet
    data: bytes
    recorded: RecordedFrame
    recorded_exactly: RecordedFrame


class CodecBench:
    """One package at one number of threads, on frames of one size."""

    def __init__(
        self,
        package: ModelPackage,
        threads: int,
        frames: Sequence[Pixels],
        codecs: Mapping[str, SlimCodec],
    ) -> None:
        """Take the codecs by what their encoders run in: `fp32`, and `int8` where that is measured."""
        self.package, self.threads, self.frames, self.codecs = package, threads, frames, codecs
        self.plain = codecs[FLOAT]
        self.size: Size = (frames[0].shape[1], frames[0].shape[0])
        self.stride = self.plain.profile.decoding.base.stride
        self.tensors = [to_tensor(pixels, self.stride) for pixels in frames]
        backend = BackendOptions(threads=threads)
        self.layer = Layer.load(package, self.plain.profile, LayerName.BASE, backend)
        self.exact = read_context(package, LayerName.BASE.context, None)

    def code(self, width: float, quality: float) -> list[CodedFrame]:
        """Code every frame once, by the steps of the codec."""
        return [self._code(pixels, width, quality) for pixels in self.frames]

    def colour_stage(self) -> Stage:
        """Return what every encoder begins with."""
        moved = self.frames[0].nbytes + self.tensors[0].nbytes
        return Stage(
            self._key("colour conversion"),
            lambda i: to_tensor(self.frames[i], self.stride),
            bytes_moved=moved,
        )

    def transform_stage(self, width: float, backend: str) -> Stage:
        """Return the encoder's network."""
        part = encoder_part(width)
        network = self.codecs[backend].network(part)
        bytes_each = 1 if backend == INT8 else 4
        cost = cost_of(self.package.read(part), [self.tensors[0]], element_bytes=bytes_each)
        key = self._key("transform", width=width, backend=backend)
        return Stage(key, lambda i: network.run(self.tensors[i]), cost.macs, cost.bytes_moved)

    def entropy_stages(self, quality: float, coded: Sequence[CodedFrame]) -> Iterator[Stage]:
        """Yield what depends on the quality alone: from latents to a packet and back."""
        code, layer = coded[0].packet.quality_code, self.layer
        bytes_out = fmean(len(frame.data) for frame in coded)
        at = partial(self._key, quality=quality)
        symbols_bytes, latents_bytes = coded[0].symbols.nbytes, coded[0].latents.nbytes
        yield Stage(
            at("quantise"),
            _each(coded, lambda f: layer.quantiser.symbols(f.latents, code)),
            bytes_moved=latents_bytes + symbols_bytes,
        )
        cost = self._context_cost(coded[0].recorded)
        for backend, networks in (
            (FLOAT, _each(coded, lambda f: f.recorded.run_networks())),
            (EXACT, _each(coded, lambda f: f.recorded_exactly.run_networks())),
        ):
            yield Stage(at("context networks", backend=backend), networks, cost.macs, cost.bytes_moved)
        moved = coded[0].recorded.row_bytes
        yield Stage(
            at("rANS encode"), _each(coded, lambda f: f.recorded.encode_rows()), None, moved, bytes_out
        )
        yield Stage(at("packet"), _each(coded, _seal), None, symbols_bytes + int(bytes_out), bytes_out)
        cloud = partial(at, side="cloud")
        yield Stage(
            cloud("parse"),
            _each(coded, lambda f: read_packet(f.data, Limits())),
            bytes_moved=int(bytes_out),
        )
        yield Stage(cloud("rANS decode"), _each(coded, lambda f: f.recorded.decode_rows()), None, moved)
        yield Stage(
            cloud("check"), _each(coded, lambda f: symbols_crc32c(f.symbols)), bytes_moved=symbols_bytes
        )
        yield Stage(
            cloud("dequantise"),
            _each(coded, lambda f: layer.quantiser.latents(f.symbols, code)),
            bytes_moved=symbols_bytes + latents_bytes,
        )
        yield Stage(
            cloud("decode", backend=FLOAT, is_whole=True),
            _each(coded, lambda f: decode(self.plain, f.data)),
        )

    def whole_encode(self, width: float, quality: float, backend: str) -> Stage:
        """Return all of the edge's work on a frame as one stage."""
        codec = self.codecs[backend]

        def run(index: int) -> bytes:
            coded = codec.encode_base(self.frames[index], quality=quality, width=width)
            return write_packet(coded.packet)

        sizes = [len(run(index)) for index in range(len(self.frames))]
        key = self._key("encode", width=width, quality=quality, backend=backend, is_whole=True)
        return Stage(key, run, bytes_out=fmean(sizes))

    def _key(
        self,
        stage: str,
        *,
        side: Side = "edge",
        width: float | None = None,
        quality: float | None = None,
        backend: str = "numpy",
        is_whole: bool = False,
    ) -> StageKey:
        return StageKey(side, stage, self.size, self.threads, backend, width, quality, is_whole)

    def _code(self, pixels: Pixels, width: float, quality: float) -> CodedFrame:
        coded = self.plain.encode_base(pixels, quality=quality, width=width)
        (y,) = self.plain.network(encoder_part(width)).run(to_tensor(pixels, self.stride))
        code = coded.packet.quality_code
        return CodedFrame(
            y,
            coded.symbols,
            coded.packet,
            write_packet(coded.packet),
            RecordedFrame.of(self.layer.model, coded.symbols, code),
            RecordedFrame.of(self.exact, coded.symbols, code),
        )

    def _context_cost(self, recorded: RecordedFrame) -> GraphCost:
        """Add up the networks of all passes."""
        found = [
            cost_of(self.package.read(f"{LayerName.BASE.context}_{number}"), [each.inputs])
            for number, each in enumerate(recorded.passes)
            if each.network is not None
        ]
        return GraphCost(
            sum(cost.macs for cost in found),
            sum(cost.bytes_moved for cost in found),
            sum(cost.weight_bytes for cost in found),
        )


def decode(codec: SlimCodec, data: bytes) -> Latents:
    """Take one packet to latents, as a worker does; raise BitstreamError."""
    packet = read_packet(data, Limits())
    return codec.latents(codec.decode_base(packet, Limits()), packet.quality_code)


def _seal(frame: CodedFrame) -> bytes:
    return write_packet(replace(frame.packet, symbols_crc32c=symbols_crc32c(frame.symbols)))


def _each(coded: Sequence[CodedFrame], action: Callable[[CodedFrame], T]) -> Callable[[int], T]:
    return lambda index: action(coded[index])
