"""A whole model for canvases of any size: what teaches a bridge at the sizes that its frames will have."""

import numpy as np
import onnx

from shared_models.bridges.free_shapes import StaticError, freed, run
from shared_models.bridges.model_graph import ModelGraph
from shared_models.bridges.model_reading import example
from shared_models.bridges.split import OTHER_BATCH, other_side


def free_model(graph: ModelGraph) -> onnx.ModelProto | None:
    """Free batch and canvas of the whole model; None where something in it belongs to one canvas.

    On the export's own canvas it gives the same bits. A model that is told the size of its picture is left
    alone: that size is written into it.
    """
    if graph.input.others:
        return None
    other = example(graph.input, other_side(graph.side), OTHER_BATCH)
    here = example(graph.input, graph.side)
    try:
        model = freed(graph.exported, {graph.image: other.shape}, graph.shapes, graph.finder.types)
        axes: list[str | int | None] = ["B", 3, "H", "W"]
        if graph.input.is_channels_last:
            axes = ["B", "H", "W", 3]
        kind = model.graph.input[0].type.tensor_type.elem_type
        model.graph.input[0].CopyFrom(onnx.helper.make_tensor_value_info(graph.image, kind, axes))
        for output in model.graph.output:
            output.type.tensor_type.ClearField("shape")
        run(model, [other])
        pairs = zip(run(graph.exported, [here]), run(model, [here]), strict=True)
    except StaticError:
        return None
    return model if all(np.array_equal(a, b, equal_nan=True) for a, b in pairs) else None
