"""Making the axes of an exported graph free again: its batch, and the sides of its maps.

Exporters write the sizes that they saw into Reshape and Resize. The graph is gone through once with the
shapes that it was exported with and others; where a target follows from its input's shape, the number is
replaced by what follows. What does not follow (a grid of anchors, say) keeps the graph as it is.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, shape_inference

from shared_models.bridges.model_reading import input_names

Shape: TypeAlias = tuple[int, ...]
Shapes: TypeAlias = Mapping[str, Sequence[int]]

END: Final = np.iinfo(np.int64).max


class StaticError(Exception):
    """The graph holds a size that does not follow from its inputs."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Input axes whose elements are just those of some output axes."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def freed(
    model: onnx.ModelProto, inputs: Mapping[str, Shape], shapes: Shapes, types: Mapping[str, int]
) -> onnx.ModelProto:
    """Return the graph with its sizes made to follow from inputs of other shapes, given as `inputs`.

    `shapes` and `types` are those of the export. Raises StaticError that names the first node that does not
    follow.
    """
    target = onnx.ModelProto()
    target.CopyFrom(model)
    del target.graph.value_info[:]
    walk = _Walk(target, dict(inputs), shapes, types)
    nodes = list(target.graph.node)
    del target.graph.node[:]
    for node in nodes:
        target.graph.node.extend(walk.free(node))
    used = {name for node in target.graph.node for name in input_names(node)}
    kept = [tensor for tensor in target.graph.initializer if tensor.name in used]  # without the sizes
    del target.graph.initializer[:]
    target.graph.initializer.extend(kept)
    return target


def run(model: onnx.ModelProto, inputs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """Run a graph once as it stands; raise StaticError where ONNX Runtime does not."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        names = [value.name for value in session.get_inputs()]
        outputs: list[NDArray[Any]] = session.run(None, dict(zip(names, inputs, strict=True)))
    except Exception as error:  # ONNX Runtime's own classes share no root but Exception
        raise StaticError(str(error).strip().partition("\n")[0]) from error
    return outputs


class _Walk:
    """The shapes that tensors take from other inputs, node by node."""

    def __init__(
        self, model: onnx.ModelProto, others: dict[str, Shape], shapes: Shapes, types: Mapping[str, int]
    ) -> None:
        self.graph, self.shapes, self.types = model.graph, shapes, types
        self.constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self.others = others | {name: tuple(t.dims) for name, t in self.constants.items()}
        self.versions = {entry.domain: entry.version for entry in model.opset_import}
        self.model = model

    def free(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """Return the node, or what replaces it, and note the shapes of its outputs."""
        if node.op_type == "Reshape" and node.input[1] in self.constants:
            return self._free_reshape(node)
        if node.op_type == "Resize" and len(node.input) > 3 and node.input[3] in self.constants:
            node = self._free_resize(node)
        elif node.op_type == "Slice":
            node = self._free_slice(node)
        elif node.op_type == "Split" and self._varies(node.input[0], _attribute(node, "axis", 0)):
            raise StaticError(f"{_title(node)} splits an axis that is to be free")
        elif node.op_type in {"AveragePool", "MaxPool"}:
            self._check_pool(node)
        self._infer(node)
        return [node]

    def _free_reshape(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        before, after = (tuple(self.shapes[name]) for name in (node.input[0], node.output[0]))
        other = self.others[node.input[0]]
        target: list[int | tuple[int, tuple[int, ...]]] = list(after)
        result = list(after)
        for group in groups(before, after):
            grown = math.prod(other[i] for i in group.inputs)
            if all(other[i] == before[i] for i in group.inputs):
                continue
            axis, factor = _growing_axis(group, after, grown, node)
            result[axis] = grown // factor
            target[axis] = (factor, group.inputs)
        self.others[node.output[0]] = tuple(result)
        return self._reshape_nodes(node, target, before)

    def _reshape_nodes(
        self, node: onnx.NodeProto, target: Sequence[int | tuple[int, tuple[int, ...]]], before: Shape
    ) -> list[onnx.NodeProto]:
        """Write the target as 0 (the input's axis), one -1 (what is left), or computed from the shape."""
        numbers: list[int] = []
        for axis, entry in enumerate(target):
            is_same = isinstance(entry, tuple) and entry == (1, (axis,))
            numbers.append(entry if isinstance(entry, int) else 0 if is_same else -1)
        allows_zero = any(a.name == "allowzero" and a.i for a in node.attribute)
        if numbers.count(-1) <= 1 and not allows_zero:
            node.input[1] = self._constant(node, "target", numbers)
            return [node]
        shape = f"{node.output[0]}_shape_of_input"
        made = [helper.make_node("Shape", [node.input[0]], [shape])]
        parts = []
        for axis, entry in enumerate(target):
            if isinstance(entry, int):
                parts.append(self._constant(node, f"axis_{axis}", [entry]))
                continue
            factor, axes = entry
            name = f"{node.output[0]}_axis_{axis}_free"
            chosen = self._constant(node, f"axes_{axis}", axes)
            divisor = self._constant(node, f"by_{axis}", [factor])
            made += [
                helper.make_node("Gather", [shape, chosen], [f"{name}_sides"]),
                helper.make_node("ReduceProd", [f"{name}_sides"], [f"{name}_all"], keepdims=1),
                helper.make_node("Div", [f"{name}_all", divisor], [name]),
            ]
            parts.append(name)
        node.input[1] = f"{node.output[0]}_target_free"
        return [*made, helper.make_node("Concat", parts, [node.input[1]], axis=0), node]

    def _free_resize(self, node: onnx.NodeProto) -> onnx.NodeProto:
        before, after = (tuple(self.shapes[name]) for name in (node.input[0], node.output[0]))
        changes = [i for i, n in enumerate(before) if self.others[node.input[0]][i] != n]
        if not changes:
            return node
        scales = [a / b for a, b in zip(after, before, strict=True)]
        if any(scale * side % 1 for scale, side in zip(scales, self.others[node.input[0]], strict=True)):
            raise StaticError(f"{_title(node)} brings maps to a fixed size")
        name = f"{node.output[0]}_scales_free"
        self._keep(numpy_helper.from_array(np.array(scales, np.float32), name))
        del node.input[2:]
        node.input.extend([name])
        return node

    def _free_slice(self, node: onnx.NodeProto) -> onnx.NodeProto:
        other, before = self.others[node.input[0]], tuple(self.shapes[node.input[0]])
        if len(node.input) == 1 or node.input[2] not in self.constants:
            axes = _attribute(node, "axes", list(range(len(before))))
            if len(node.input) > 1 or any(other[axis] != before[axis] for axis in axes):
                raise StaticError(f"{_title(node)} takes a part of an axis that is to be free")
            return node
        ends = numpy_helper.to_array(self.constants[node.input[2]]).astype(np.int64).copy()
        starts = numpy_helper.to_array(self.constants[node.input[1]]).astype(np.int64)
        given = numpy_helper.to_array(self.constants[node.input[3]]) if len(node.input) > 3 else None
        for i, axis in enumerate(given if given is not None else range(len(ends))):
            if other[axis] == before[axis]:
                continue
            if ends[i] < before[axis] or not -1 <= starts[i] <= 4:  # a few: the phases of a focus layer
                raise StaticError(f"{_title(node)} takes a part of an axis that is to be free")
            ends[i] = END
        node.input[2] = self._constant(node, "ends", [int(end) for end in ends])
        if given is None:
            axes_name = self._constant(node, "axes", range(len(ends)))
            node.input.extend([axes_name])
        if given is not None and self.constants[node.input[3]].data_type != TensorProto.INT64:
            node.input[3] = self._constant(node, "axes", [int(axis) for axis in given])
        for index in (1, 4):
            if len(node.input) > index and node.input[index] in self.constants:
                values = numpy_helper.to_array(self.constants[node.input[index]])
                node.input[index] = self._constant(node, f"slice_{index}", [int(v) for v in values])
        return node

    def _check_pool(self, node: onnx.NodeProto) -> None:
        kernel, sides = _attribute(node, "kernel_shape", []), list(self.shapes[node.input[0]])[2:]
        changes = tuple(self.others[node.input[0]])[2:] != tuple(sides)
        left = list(self.shapes[node.output[0]])[2:]
        if changes and list(kernel) == sides and set(left) == {1}:
            raise StaticError(f"{_title(node)} pools over maps of a fixed size")

    def _varies(self, name: str, axis: int) -> bool:
        return name in self.shapes and self.others[name][axis] != self.shapes[name][axis]

    def _infer(self, node: onnx.NodeProto) -> None:
        """Note the outputs' shapes: unchanged where the inputs are, else by ONNX's own rules."""
        names = [name for name in node.input if name]
        if all(tuple(self.others[name]) == tuple(self.shapes.get(name, self.others[name])) for name in names):
            self.others |= {name: tuple(self.shapes[name]) for name in node.output if name}
            return
        try:
            schema = onnx.defs.get_schema(node.op_type, self.versions.get(node.domain, 1), node.domain)
            inferred = shape_inference.infer_node_outputs(
                schema,
                node,
                {name: self._type(name) for name in names},
                {name: self.constants[name] for name in names if name in self.constants},
                opset_imports=list(self.model.opset_import),
                ir_version=self.model.ir_version,
            )
            for name, kind in inferred.items():
                axes = kind.tensor_type.shape.dim
                self.others[name] = tuple(axis.dim_value for axis in axes)
                if (not axes and self.shapes[name]) or 0 in self.others[name]:
                    raise StaticError(f"what {_title(node)} makes of other sizes is not known")
        except StaticError:
            raise
        except Exception as error:  # inference has several classes of its own
            raise StaticError(f"{_title(node)} does not take other sizes") from error

    def _type(self, name: str) -> onnx.TypeProto:
        kind = self.constants[name].data_type if name in self.constants else self.types.get(name, 0)
        return helper.make_tensor_type_proto(kind or TensorProto.INT64, self.others[name])

    def _constant(self, node: onnx.NodeProto, role: str, values: Sequence[int]) -> str:
        name = f"{node.output[0]}_{role}_free"
        self._keep(numpy_helper.from_array(np.array(list(values), np.int64), name))
        return name

    def _keep(self, tensor: onnx.TensorProto) -> None:
        self.graph.initializer.append(tensor)
        self.constants[tensor.name] = tensor
        self.others[tensor.name] = tuple(tensor.dims)


def groups(before: Shape, after: Shape) -> list[_Group]:
    """Match the axes of a Reshape's input and output, in the smallest groups of equal product."""
    found: list[_Group] = []
    i = j = 0
    while i < len(before) or j < len(after):
        i_end, j_end = min(i + 1, len(before)), min(j + 1, len(after))
        while (left := math.prod(before[i:i_end])) != (right := math.prod(after[j:j_end])):
            if left < right and i_end < len(before):
                i_end += 1
            elif j_end < len(after):
                j_end += 1
            else:
                i_end += 1
        found.append(_Group(tuple(range(i, i_end)), tuple(range(j, j_end))))
        i, j = i_end, j_end
    return found


def _growing_axis(group: _Group, after: Shape, grown: int, node: onnx.NodeProto) -> tuple[int, int]:
    """Return the output axis of a group that takes the change, and the product of its other axes."""
    if len(group.outputs) == 1:
        return group.outputs[0], 1
    axis, factor = group.outputs[0], math.prod(after[i] for i in group.outputs[1:])
    if after[axis] != 1 or grown % factor:  # only a leading 1, a batch of one, can tell how it grows
        raise StaticError(f"{_title(node)} folds an axis that is to be free")
    return axis, factor


def _attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:  # noqa: ANN401  # as ONNX types them
    found = next((a for a in node.attribute if a.name == name), None)
    return default if found is None else helper.get_attribute_value(found)


def _title(node: onnx.NodeProto) -> str:
    return f"{node.op_type} {node.name or node.output[0]}"
