"""A node of an ONNX graph as its builder sees it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from torch import Tensor

from shared_models.errors import ModelError

Function: TypeAlias = Callable[..., Any]
"""Of a node's inputs in order (None where one is left out); gives a tensor, or a tuple of them."""


@dataclass(frozen=True, slots=True)
class Node:
    """Kind, attributes, and those inputs that are constant."""

    kind: str
    name: str
    attributes: Mapping[str, Any]
    constants: tuple[NDArray[np.generic] | None, ...]
    """By position; None where an input is computed or left out."""
    outputs: int
    opset: int
    """Version of ONNX's own operators that the graph is written in."""

    @classmethod
    def of(cls, node: onnx.NodeProto, constants: Mapping[str, NDArray[np.generic]], opset: int) -> "Node":
        """Read a node."""
        return cls(
            node.op_type,
            node.name or node.output[0],
            {a.name: helper.get_attribute_value(a) for a in node.attribute},
            tuple(constants.get(name) for name in node.input),
            len(node.output),
            opset,
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    def attribute(self, name: str, default: Any) -> Any:  # noqa: ANN401  # as ONNX types them
        """Return an attribute, text as str."""
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def whole(self, index: int, value: Tensor | None) -> list[int] | None:
        """Return input `index` as whole numbers: from the file if it is constant, else from `value`."""
        if index < len(self.constants) and (constant := self.constants[index]) is not None:
            return [int(number) for number in np.atleast_1d(constant)]
        return None if value is None else [int(number) for number in value.reshape(-1).tolist()]

    def real(self, index: int, value: Tensor | None) -> list[float] | None:
        """Return input `index` as floats, as `whole` does."""
        if index < len(self.constants) and (constant := self.constants[index]) is not None:
            return [float(number) for number in np.atleast_1d(constant)]
        return None if value is None else [float(number) for number in value.reshape(-1).tolist()]

    def refuse(self, what: str) -> ModelError:
        """Make the error for a variant that is not covered."""
        return ModelError(f"the node {self} cannot be run in torch: {what}")


Builder: TypeAlias = Callable[[Node], Function]


def plain(function: Function) -> Builder:
    """Build a node that is one torch function of its inputs."""
    return lambda node: function
