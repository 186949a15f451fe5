"""An ONNX graph, or the part of it between named tensors, as a differentiable torch module.

Covers the operators of plain convolutional vision models. Weights are frozen buffers: a teacher is run
and differentiated through, never trained.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from shared_models.bridges.onnx_operators import BUILDERS, Attributes, Function, silu
from shared_models.errors import ModelError

Statics: TypeAlias = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Step:
    """One node: `function` of the named tensors gives `output`."""

    function: Function
    inputs: tuple[str, ...]
    output: str


class OnnxModule(nn.Module):
    """The part of an ONNX model that leads from `inputs` to `outputs`."""

    def __init__(self, model: onnx.ModelProto, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Compile the nodes on the way from `inputs` to `outputs`; raise ModelError if there is no way."""
        super().__init__()
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        constants |= _constant_nodes(model.graph)
        nodes = _nodes_between(model.graph, set(inputs), set(outputs), set(constants))
        self.buffer_names: dict[str, str] = {}
        self.steps = _fuse_silu([self._compile(node, constants) for node in nodes], set(outputs))
        self.last_use = {name: i for i, step in enumerate(self.steps) for name in step.inputs}

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Tensors in the order of `inputs` -> tensors in the order of `outputs`."""
        values: dict[str, Tensor] = dict(zip(self.inputs, tensors, strict=True))
        for i, step in enumerate(self.steps):
            values[step.output] = step.function(*[self._value(values, name) for name in step.inputs])
            for name in step.inputs:
                if self.last_use[name] == i and name not in self.outputs:
                    values.pop(name, None)
        return tuple(values[name] for name in self.outputs)

    def _value(self, values: dict[str, Tensor], name: str) -> Tensor:
        return values[name] if name in values else self.get_buffer(self.buffer_names[name])

    def _compile(self, node: onnx.NodeProto, constants: Statics) -> Step:
        if node.op_type not in BUILDERS:
            known = ", ".join(sorted(BUILDERS))
            raise ModelError(f"operator {node.op_type} cannot be run in torch; the known ones are {known}")
        attributes: Attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        statics = [constants.get(name) for name in node.input]
        function, tensors_used = BUILDERS[node.op_type](attributes, statics)
        names = tuple(node.input[:tensors_used])
        for name in names:
            if name in constants:
                self._keep(name, constants[name])
        return Step(function, names, node.output[0])

    def _keep(self, name: str, value: np.ndarray) -> None:
        if name not in self.buffer_names:
            self.buffer_names[name] = f"constant_{len(self.buffer_names)}"
            tensor = torch.from_numpy(np.array(value))
            self.register_buffer(
                self.buffer_names[name], tensor.float() if tensor.is_floating_point() else tensor
            )


def read_onnx(path: Path) -> onnx.ModelProto:
    """Read an ONNX file; raise ModelError where it is missing or no ONNX."""
    try:
        return onnx.load(path)
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise ModelError(f"{path} cannot be read as an ONNX model") from error
    except Exception as error:  # protobuf's DecodeError derives from Exception alone
        raise ModelError(f"{path} is no ONNX model") from error


def _constant_nodes(graph: onnx.GraphProto) -> Statics:
    constants: Statics = {}
    for node in graph.node:
        if node.op_type == "Constant":
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return constants


def _nodes_between(
    graph: onnx.GraphProto, inputs: set[str], outputs: set[str], constants: set[str]
) -> list[onnx.NodeProto]:
    """Walk back from `outputs` to `inputs`; return the nodes met, in the graph's (topological) order."""
    producers: dict[str, onnx.NodeProto] = {name: node for node in graph.node for name in node.output}
    wanted, pending = set[str](), list(outputs)
    while pending:
        name = pending.pop()
        if not name or name in wanted or name in inputs or name in constants:
            continue
        if name not in producers:
            raise ModelError(
                f"tensor {name} does not follow from {', '.join(sorted(inputs))}; name another cut"
            )
        wanted.add(name)
        pending.extend(producers[name].input)
    return [node for node in graph.node if node.op_type != "Constant" and wanted & set(node.output)]


def _fuse_silu(steps: list[Step], outputs: set[str]) -> list[Step]:
    """Replace x * sigmoid(x), where the sigmoid feeds nothing else, by one SiLU."""
    uses: dict[str, int] = {}
    for step in steps:
        for name in step.inputs:
            uses[name] = uses.get(name, 0) + 1
    gates = {s.output: s.inputs[0] for s in steps if s.function is torch.sigmoid and s.output not in outputs}
    fused: list[Step] = []
    dropped: set[str] = set()
    for step in steps:
        gate = next((n for n in step.inputs if n in gates and uses[n] == 1), None)
        if step.function is torch.mul and gate is not None and gates[gate] in step.inputs:
            dropped.add(gate)
            fused.append(Step(silu, (gates[gate],), step.output))
        else:
            fused.append(step)
    return [step for step in fused if step.output not in dropped]
