"""A whole model for canvases of any size: what teaches a bridge at the sizes that its frames will have."""

import onnx

from shared_models.bridges.exact_freeing import freed_exactly
from shared_models.bridges.free_shapes import StaticError
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
    axes: list[str | int] = ["B", "H", "W", 3] if graph.input.is_channels_last else ["B", 3, "H", "W"]
    kind = graph.exported.graph.input[0].type.tensor_type.elem_type
    image = onnx.helper.make_tensor_value_info(graph.image, kind, axes)
    here = example(graph.input, graph.side)
    other = example(graph.input, other_side(graph.side), OTHER_BATCH)
    try:
        return freed_exactly(
            graph.exported, [image], graph.shapes, graph.finder.types, here=[here], other=[other]
        )
    except StaticError:
        return None
