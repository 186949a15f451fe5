"""Where a model can be cut: small sets of feature maps that every path from the picture crosses.

For any tensor, the nodes it needs are the smallest front that makes it, and what the rest of the graph reads
from that front is a vertex cut. So every tensor names one cut; those cuts are kept that consist of feature
maps alone, one a stride.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from shared_models.bridges.data_flow import FLOAT, UPSAMPLING, DataFlow
from shared_models.bridges.graph_cost import node_macs
from shared_models.errors import ModelError

Shapes: TypeAlias = Mapping[str, Sequence[int]]

STRIDES: Final = (8, 16, 32)
LEVELS_MAX: Final = 4
NEARLY: Final = 0.8
"""A narrower cut is preferred where it saves at least this part of what the deepest of its kind saves."""
SAVED_MAX: Final = 0.95
"""Behind a later cut there is no model left to keep."""
_OCTAVES_MAX: Final = 0.15  # how far a map may be from a power of two: 513 pixels make maps of 65 and 33


@dataclass(frozen=True, slots=True)
class FeatureLevel:
    """A feature map (B, channels, height, width) of one picture."""

    name: str
    channels: int
    stride: int
    height: int
    width: int

    @property
    def elements(self) -> int:
        """Numbers in it."""
        return self.channels * self.height * self.width

    def __str__(self) -> str:
        return f"{self.name} ({self.channels}×{self.height}×{self.width}, stride {self.stride})"


@dataclass(frozen=True, slots=True)
class CutCandidate:
    """Feature maps that lead from front to tail, finest first."""

    levels: tuple[FeatureLevel, ...]
    front_macs: int
    """Multiply-accumulates that a bridge replaces."""
    macs: int
    """Of the whole model."""
    goes_up: bool = False
    """The front enlarges maps: it holds a part of the neck."""

    @property
    def tensors(self) -> tuple[str, ...]:
        """Names of the tensors."""
        return tuple(level.name for level in self.levels)

    @property
    def strides(self) -> tuple[int, ...]:
        """Strides of the tensors."""
        return tuple(level.stride for level in self.levels)

    @property
    def saved(self) -> float:
        """Part of the model's work that the front is, 0..1."""
        return self.front_macs / self.macs if self.macs else 0.0

    @property
    def elements(self) -> int:
        """Numbers that cross the cut."""
        return sum(level.elements for level in self.levels)

    def __str__(self) -> str:
        levels = " + ".join(map(str, self.levels))
        return (
            f"{levels}: saves {self.front_macs / 1e6:,.0f} of {self.macs / 1e6:,.0f} MMAC ({self.saved:.0%})"
        )


class CutFinder:
    """All cuts of one graph."""

    def __init__(
        self, flow: DataFlow, shapes: Shapes, types: Mapping[str, int], side: tuple[int, int]
    ) -> None:
        """Take the graph's flow, and shapes and element types of its tensors on a canvas of `side`."""
        self.flow, self.shapes, self.types, self.side = flow, shapes, types, side
        self.node_macs = [node_macs(node, shapes) for node in flow.nodes]
        self.macs = sum(self.node_macs)
        ups = [index for index, node in enumerate(flow.nodes) if node.op_type in UPSAMPLING]
        self.upsampling = sum(1 << index for index in ups)

    def levels(self) -> list[FeatureLevel]:
        """Return every float feature map of the strides that count, in the graph's order."""
        found = [self.level(name) for name in self.flow.readers if name != self.flow.image]
        return [level for level in found if level is not None and level.stride in STRIDES]

    def level(self, name: str) -> FeatureLevel | None:
        """Describe a tensor as a feature map, or None where it is none."""
        shape = self.shapes.get(name, ())
        if len(shape) != 4 or shape[0] != 1 or self.types.get(name) != FLOAT or 0 in shape:
            return None
        ratios = [whole / part for whole, part in zip(self.side, (shape[3], shape[2]), strict=True)]
        octaves = [round(math.log2(ratio)) for ratio in ratios]
        errors = [abs(math.log2(r) - octave) for r, octave in zip(ratios, octaves, strict=True)]
        if octaves[0] != octaves[1] or octaves[0] < 0 or max(errors) > _OCTAVES_MAX:
            return None
        return FeatureLevel(name, shape[1], 1 << octaves[0], shape[2], shape[3])

    def cut_at(self, tensors: Sequence[str]) -> CutCandidate:
        """Return the cut that `tensors` make; raise ModelError where the picture gets round them."""
        unknown = [name for name in tensors if name not in self.flow.producer]
        if unknown:
            raise ModelError(f"the model has no tensor {unknown[0]!r} that depends on the picture")
        levels = {name: self.level(name) for name in tensors}
        flat = [name for name, level in levels.items() if level is None]
        if flat:
            shape = list(self.shapes.get(flat[0], ()))
            raise ModelError(f"the tensor {flat[0]} is {shape} and no feature map (1, C, H, W) of floats")
        missed = [name for name in self.flow.frontier(self.flow.front(tensors)) if name not in tensors]
        if missed:
            raise ModelError(
                f"{', '.join(tensors)} do not separate the model: {missed[0]} leads past; add it to the cut"
            )
        return self._candidate([level for level in levels.values() if level is not None])

    def all(self) -> list[CutCandidate]:
        """Return every cut of at most LEVELS_MAX maps, one a stride, least front first."""
        found: dict[frozenset[str], CutCandidate] = {}
        for level in self.levels():
            tensors = self.flow.frontier(self.flow.front([level.name]))
            if len(tensors) > LEVELS_MAX or frozenset(tensors) in found:
                continue
            levels = [self.level(name) for name in tensors]
            maps = [item for item in levels if item is not None and item.stride in STRIDES]
            strides = {item.stride for item in maps}
            if len(maps) == len(tensors) == len(strides) and min(strides) < max(STRIDES):
                found[frozenset(tensors)] = self._candidate(maps)
        return sorted(found.values(), key=lambda cut: cut.front_macs)

    def _candidate(self, levels: Sequence[FeatureLevel]) -> CutCandidate:
        front = self.flow.front([level.name for level in levels])
        macs = sum(macs for index, macs in enumerate(self.node_macs) if front >> index & 1)
        ordered = tuple(sorted(levels, key=lambda level: level.stride))
        return CutCandidate(ordered, macs, self.macs, bool(front & self.upsampling))


def ranked(cuts: Sequence[CutCandidate]) -> tuple[CutCandidate, ...]:
    """Choose a few of all cuts, best first.

    One tensor at stride 8 is easiest for a bridge to make. Then come the taps of a backbone at several
    strides, which save more; then one tensor at stride 16; then what lies inside a neck.
    """
    cuts = [cut for cut in cuts if cut.saved <= SAVED_MAX]
    kinds = sorted({(cut.goes_up, _kind(cut.strides), cut.strides) for cut in cuts})
    chosen = []
    for goes_up, _, strides in kinds:
        alike = [cut for cut in cuts if cut.strides == strides and cut.goes_up == goes_up]
        deepest = max(cut.front_macs for cut in alike)
        deep = [cut for cut in alike if cut.front_macs >= NEARLY * deepest]
        # of equals the last: an activation, not the sums before it
        chosen.append(min(reversed(deep), key=lambda cut: (cut.elements, -cut.front_macs)))
    return tuple(chosen)


def _kind(strides: tuple[int, ...]) -> int:
    order = ((8,), (8, 16, 32), (8, 16), (16,), (16, 32))
    return order.index(strides) if strides in order else len(order)
