"""An ONNX graph, or the part of it between named tensors, as a differentiable torch module.

Covers what exported detectors, classifiers and segmenters are made of. Weights are frozen buffers in
float32: a teacher is run and differentiated through, never trained. Why not a converter: docs/adr/0006.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shared_models.bridges.extraction import nodes_between
from shared_models.bridges.model_reading import read_onnx
from shared_models.bridges.operators.elementwise import helper_array, silu
from shared_models.bridges.operators.node import Builder, Function, Node
from shared_models.bridges.operators.quantised import UNROUNDED
from shared_models.bridges.operators.registry import BUILDERS
from shared_models.errors import ModelError

__all__ = ["OnnxModule", "read_onnx"]

Constants: TypeAlias = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Step:
    """One node: `function` of the named tensors gives `outputs`; an empty name is an input left out."""

    function: Function
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    title: str


class OnnxModule(nn.Module):
    """The part of an ONNX model that leads from `inputs` to `outputs`."""

    def __init__(
        self, model: onnx.ModelProto, inputs: Sequence[str], outputs: Sequence[str], *, rounds: bool = True
    ) -> None:
        """Compile the nodes on the way; raise ModelError if there is no way, or name what cannot be run.

        Without `rounds`, activations that the model rounds to eight bits as it runs stay as they are, which
        costs far less: gradients know nothing of rounding anyway.
        """
        super().__init__()
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        constants: Constants = {t.name: helper_array(t) for t in model.graph.initializer}
        opset = max((e.version for e in model.opset_import if e.domain in {"", "ai.onnx"}), default=1)
        nodes = nodes_between(model.graph, self.inputs, self.outputs)
        self.buffer_names: dict[str, str] = {}
        builders = BUILDERS if rounds else {**BUILDERS, **UNROUNDED}
        steps = [step for node in nodes if (step := _compile(node, constants, opset, builders)) is not None]
        self.steps = _fuse_silu(steps, set(outputs))
        used = {name for step in self.steps for name in step.inputs} | set(outputs)
        for name in sorted(used & set(constants)):
            self._keep(name, constants[name])
        self.last_use = {name: i for i, step in enumerate(self.steps) for name in step.inputs}

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Tensors in the order of `inputs` -> tensors in the order of `outputs`."""
        values: dict[str, Tensor] = dict(zip(self.inputs, tensors, strict=True))
        for i, step in enumerate(self.steps):
            given = _on_one_device([self._value(values, name) for name in step.inputs])
            try:
                made = step.function(*given)
            except (RuntimeError, IndexError, TypeError, ValueError) as error:
                raise ModelError(f"{step.title} failed in torch: {_first_line(error)}") from error
            values.update(zip(step.outputs, made if isinstance(made, tuple) else (made,), strict=False))
            for name in step.inputs:
                if self.last_use.get(name) == i and name not in self.outputs:
                    values.pop(name, None)
        return tuple(values[name] if name in values else self._stored(name) for name in self.outputs)

    def _value(self, values: dict[str, Tensor], name: str) -> Tensor | None:
        if not name:
            return None
        return values[name] if name in values else self._stored(name)

    def _stored(self, name: str) -> Tensor:
        return self.get_buffer(self.buffer_names[name])

    def _keep(self, name: str, value: NDArray[np.generic]) -> None:
        self.buffer_names[name] = f"constant_{len(self.buffer_names)}"
        self.register_buffer(self.buffer_names[name], torch.from_numpy(np.array(value)))


def _compile(
    node: onnx.NodeProto, constants: Constants, opset: int, builders: Mapping[str, Builder]
) -> Step | None:
    """Build a step, or fold a node that reads nothing but constants into them."""
    if node.op_type not in builders or node.domain not in {"", "ai.onnx"}:
        title = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        raise ModelError(
            f"operator {title} (node {node.name or node.output[0]}) cannot be run in torch; "
            "cut behind it, or export the model without it"
        )
    described = Node.of(node, constants, opset)
    function = builders[node.op_type](described)
    step = Step(function, tuple(node.input), tuple(node.output), str(described))
    if not all(name in constants for name in node.input if name):
        return step
    tensors = [torch.from_numpy(np.array(constants[name])) if name else None for name in node.input]
    made = function(*tensors)
    for name, value in zip(node.output, made if isinstance(made, tuple) else (made,), strict=False):
        constants[name] = value.numpy()
    return None


def _on_one_device(tensors: list[Tensor | None]) -> list[Tensor | None]:
    """Move what shapes are computed of to where the features are, if they meet."""
    devices: Mapping[Any, None] = {t.device: None for t in tensors if t is not None}
    if len(devices) <= 1:
        return tensors
    target = next(device for device in devices if device.type != "cpu")
    return [None if t is None else t.to(target) for t in tensors]


def _fuse_silu(steps: list[Step], outputs: set[str]) -> list[Step]:
    """Replace x * sigmoid(x), where the sigmoid feeds nothing else, by one SiLU."""
    uses: dict[str, int] = {}
    for step in steps:
        for name in step.inputs:
            uses[name] = uses.get(name, 0) + 1
    gates = {
        s.outputs[0]: s.inputs[0]
        for s in steps
        if s.function is torch.sigmoid and s.outputs[0] not in outputs and uses.get(s.outputs[0]) == 1
    }
    fused: list[Step] = []
    dropped: set[str] = set()
    for step in steps:
        gate = next((name for name in step.inputs if name in gates), None)
        if step.function is torch.mul and gate is not None and gates[gate] in step.inputs:
            dropped.add(gate)
            fused.append(Step(silu, (gates[gate],), step.outputs, step.title))
        else:
            fused.append(step)
    return [step for step in fused if step.outputs[0] not in dropped]


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
