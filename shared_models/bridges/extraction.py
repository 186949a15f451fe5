"""Parts of a graph, between named tensors."""

from collections.abc import Mapping, Sequence

import onnx
from onnx import helper

from shared_models.bridges.model_reading import input_names
from shared_models.errors import ModelError

Shapes = Mapping[str, Sequence[int]]


def extract(
    model: onnx.ModelProto,
    inputs: Sequence[str],
    outputs: Sequence[str],
    shapes: Shapes,
    types: Mapping[str, int],
) -> onnx.ModelProto:
    """Return the part of `model` that leads from `inputs` to `outputs`, as a model.

    `shapes` and `types` are those of its tensors. Raises ModelError where there is no way.
    """
    nodes = nodes_between(model.graph, inputs, outputs)
    used = {name for node in nodes for name in input_names(node)} | set(outputs)
    part = onnx.ModelProto()
    part.CopyFrom(model)
    del part.graph.node[:], part.graph.value_info[:], part.graph.input[:], part.graph.output[:]
    part.graph.node.extend(nodes)
    weights = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del part.graph.initializer[:]
    part.graph.initializer.extend(weights)
    for values, names in ((part.graph.input, inputs), (part.graph.output, outputs)):
        values.extend(helper.make_tensor_value_info(n, types[n], list(shapes[n])) for n in names)
    return part


def nodes_between(
    graph: onnx.GraphProto, inputs: Sequence[str], outputs: Sequence[str]
) -> list[onnx.NodeProto]:
    """Walk back from `outputs` to `inputs`; return the nodes met, in the graph's (topological) order."""
    producers = {name: node for node in graph.node for name in node.output if name}
    known = {tensor.name for tensor in graph.initializer} | set(inputs)
    wanted, pending = set[str](), list(outputs)
    while pending:
        name = pending.pop()
        if name in wanted or name in known:
            continue
        if name not in producers:
            raise ModelError(f"tensor {name} does not follow from {', '.join(inputs)}; name another cut")
        wanted.add(name)
        pending.extend(input_names(producers[name]))
    return [node for node in graph.node if wanted & set(node.output)]
