"""What a `.slim` file holds: frames, each with one or more layers."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from shared_models.bitstream.packet import SEQ_MAX, Packet, PacketKind

CAPTURE_NS_MAX: Final = 2**64 - 1
LAYERS_MAX: Final = 7


@dataclass(frozen=True, slots=True)
class SlimFrame:
    """One frame of a `.slim` file: when it was captured, and its layers in the order of their kinds.

    Construction raises ValueError for layers that do not belong to one frame.
    """

    seq: int
    layers: tuple[Packet, ...]
    capture_ns: int | None = None
    """Unix time of the capture, where it is known."""

    def __post_init__(self) -> None:
        if not 0 <= self.seq <= SEQ_MAX:
            raise ValueError(f"a frame's seq is 0 to 2^64-1, not {self.seq}")
        if self.capture_ns is not None and not 0 <= self.capture_ns <= CAPTURE_NS_MAX:
            raise ValueError(f"frame {self.seq} cannot be captured at {self.capture_ns} ns")
        if fault := layers_fault(self.seq, self.layers):
            raise ValueError(fault)

    @property
    def base(self) -> Packet | None:
        """The layer that tasks read, if the frame has it."""
        return next((layer for layer in self.layers if layer.kind.is_base), None)

    @property
    def enhancement(self) -> Packet | None:
        """What full reconstruction adds, if the frame has it."""
        return next((layer for layer in self.layers if layer.kind is PacketKind.ENHANCEMENT), None)


def layers_fault(seq: int, layers: tuple[Packet, ...]) -> str | None:
    """Say what keeps `layers` from being one frame `seq`, or return None."""
    if not 1 <= len(layers) <= LAYERS_MAX:
        return f"frame {seq} has {len(layers)} layers; 1 to {LAYERS_MAX} are possible"
    for before, after in pairwise(layers):
        if after.kind <= before.kind or after.kind.is_base:
            return f"in frame {seq} a layer {after.kind.name} cannot follow a layer {before.kind.name}"
        if after.format != before.format:
            return f"the layers of frame {seq} differ in model or size"
    for layer in layers:
        fault = _reference_fault(seq, layer, layers[0])
        if fault:
            return fault
    return None


def _reference_fault(seq: int, layer: Packet, first: Packet) -> str | None:
    reference = layer.reference
    if reference is None:
        return None
    if layer.kind is PacketKind.BASE_PREDICTED:
        return None if reference.seq < seq else f"frame {seq} cannot lean on frame {reference.seq}"
    if reference.seq != seq:
        return f"the enhancement of frame {seq} names the base of frame {reference.seq}"
    if first.kind.is_base and reference.symbols_crc32c != first.symbols_crc32c:
        return f"the enhancement of frame {seq} was made for other base symbols"
    return None
