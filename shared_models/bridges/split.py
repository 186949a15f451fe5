"""Splitting a model at a cut into a front and a tail that together give just what the whole gives."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from onnx import helper

from shared_models.bridges.cut_candidates import CutCandidate, FeatureLevel
from shared_models.bridges.data_flow import FLOAT
from shared_models.bridges.exact_freeing import freed_exactly
from shared_models.bridges.extraction import extract
from shared_models.bridges.free_shapes import StaticError
from shared_models.bridges.model_graph import ModelGraph, Side
from shared_models.bridges.post_processing import float_frontier

OTHER_BATCH: Final = 2
CANVAS_MULTIPLE: Final = 32
"""Sides of a free canvas are multiples of it: detectors halve five times and go up again."""


@dataclass(frozen=True, slots=True)
class Split:
    """A model in two parts."""

    front: onnx.ModelProto
    tail: onnx.ModelProto
    """From the tensors of the cut, in their order, to the model's outputs."""
    tail_is_static: bool
    """The tail takes feature maps of one canvas only."""
    why: str
    """What keeps the tail from taking others; empty where it takes any."""
    side: Side
    """Width and height of that canvas."""
    takes_batches: bool


def split(graph: ModelGraph, cut: CutCandidate) -> Split:
    """Split `graph` at `cut`; the tail takes any batch and any canvas as far as the export allows."""
    facts = graph.shapes, graph.finder.types
    front = extract(graph.exported, [graph.image], cut.tensors, *facts)
    tail = extract(graph.exported, cut.tensors, graph.outputs, *facts)
    # a range measured at run time is that of a whole batch: pictures would not be by themselves
    batch = 1 if any(node.op_type == "DynamicQuantizeLinear" for node in tail.graph.node) else OTHER_BATCH
    why = ""
    for side in (other_side(graph.side), *([graph.side] if batch > 1 else [])):
        try:
            free = _freed_tail(graph, cut, tail, batch, side)
        except StaticError as error:
            why = why or str(error)
        else:
            return Split(front, free, side == graph.side, why, graph.side, batch > 1)
    return Split(front, tail, True, why, graph.side, takes_batches=False)


def other_side(side: Side) -> Side:
    """Return another canvas, smaller and of another form, to try a graph's freedom on."""
    width, height = (max(1, round(axis / CANVAS_MULTIPLE)) * CANVAS_MULTIPLE for axis in side)
    return width + CANVAS_MULTIPLE, max(CANVAS_MULTIPLE * 2, height - 3 * CANVAS_MULTIPLE)


def _freed_tail(
    graph: ModelGraph, cut: CutCandidate, tail: onnx.ModelProto, batch: int, side: Side
) -> onnx.ModelProto:
    """Free the tail and try it: on the export's canvas it gives the same bits, on the other it runs."""
    first = "B" if batch > 1 else 1
    noise = np.random.default_rng(0)
    inputs, here, other = [], [], []
    for level in cut.levels:
        sides: tuple[int, int] = level.height, level.width
        axes: list[int | str] = [*sides]
        if side != graph.side:
            sides = side[1] // level.stride, side[0] // level.stride
            axes = [f"h{level.stride}", f"w{level.stride}"]
        inputs.append(helper.make_tensor_value_info(level.name, FLOAT, [first, level.channels, *axes]))
        here.append(noise.standard_normal(graph.shapes[level.name], np.float32))
        other.append(noise.standard_normal((batch, level.channels, *sides), np.float32))
    return freed_exactly(tail, inputs, graph.shapes, graph.finder.types, here=here, other=other)


def exposed_levels(graph: ModelGraph, cut: CutCandidate) -> tuple[FeatureLevel, ...]:
    """Return the feature maps that the tail makes and a bridge can be taught by, in the graph's order.

    They are the last of each stride in the backbone, and the maps that leave the neck for the heads.
    """
    finder, flow = graph.finder, graph.finder.flow
    front = flow.front(cut.tensors)
    behind = [level for level in finder.levels() if not front >> flow.producer[level.name] & 1]
    taps: dict[int, FeatureLevel] = {}
    for level in behind:
        if not flow.front([level.name]) & finder.upsampling:
            taps[level.stride] = level
    necks = [c for c in finder.all() if c.goes_up and len(c.levels) > 1 and c.saved > cut.saved]
    neck = max(necks, key=lambda c: (len(c.levels), c.front_macs)).levels if necks else ()
    chosen = {level.name for level in (*taps.values(), *neck)} - set(cut.tensors)
    return tuple(level for level in behind if level.name in chosen)


def score_tensors(graph: ModelGraph) -> tuple[str, ...]:
    """Return the last float tensors before suppression and the like: the outputs, where there is none."""
    return float_frontier(graph.finder.flow, graph.finder.types)
