"""A graph for inputs of other sizes that is tried before it is trusted."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from shared_models.bridges.free_shapes import Shapes, StaticError, freed, run


def freed_exactly(
    model: onnx.ModelProto,
    inputs: Sequence[onnx.ValueInfoProto],
    shapes: Shapes,
    types: Mapping[str, int],
    *,
    here: Sequence[NDArray[Any]],
    other: Sequence[NDArray[Any]],
) -> onnx.ModelProto:
    """Return `model` with `inputs`, whose named axes are free, in place of its own of fixed sizes.

    On `here`, of the export's own sizes, it gives the same bits as the export; on `other` it runs. `shapes`
    and `types` are those of the export. Raises StaticError where something in the graph keeps its size.
    """
    sizes = {value.name: array.shape for value, array in zip(inputs, other, strict=True)}
    free = freed(model, sizes, shapes, types)
    for own, value in zip(free.graph.input, inputs, strict=True):
        own.CopyFrom(value)
    for output in free.graph.output:
        output.type.tensor_type.ClearField("shape")
    pairs = zip(run(model, here), run(free, here), strict=True)
    if not all(np.array_equal(expected, made, equal_nan=True) for expected, made in pairs):
        raise StaticError("the freed graph gives other results")
    run(free, other)
    return free
