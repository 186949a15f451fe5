"""What in a graph depends on what, as far as it depends on the picture."""

from collections.abc import Iterable, Mapping
from typing import Final

import onnx
from onnx import TensorProto

from shared_models.bridges.model_reading import input_names

UPSAMPLING: Final = frozenset({"Resize", "Upsample", "ConvTranspose", "DepthToSpace"})


class DataFlow:
    """The nodes of a graph by number, and the tensors between them that carry the picture."""

    def __init__(self, graph: onnx.GraphProto, image: str) -> None:
        """Follow the picture from the input `image`; constants and what is made of them are left out."""
        self.image = image
        self.nodes = list(graph.node)
        self.outputs = tuple(output.name for output in graph.output)
        self.producer: dict[str, int] = {}
        self.readers: dict[str, list[int]] = {image: []}
        self.before: list[int] = []  # of each node: the nodes it needs and itself, as a set of bits
        for index, node in enumerate(self.nodes):
            read = [name for name in input_names(node) if name in self.readers]
            ancestors = 1 << index if read else 0
            for name in read:
                self.readers[name].append(index)
                if name in self.producer:
                    ancestors |= self.before[self.producer[name]]
            self.before.append(ancestors)
            if read:
                for name in filter(None, node.output):
                    self.readers[name] = []
                    self.producer[name] = index

    def front(self, tensors: Iterable[str]) -> int:
        """Return the nodes that `tensors` need, as a set of bits."""
        nodes = 0
        for name in tensors:
            nodes |= self.before[self.producer[name]] if name in self.producer else 0
        return nodes

    def frontier(self, front: int) -> tuple[str, ...]:
        """Return what is read outside of `front` and made in it (or is the picture): all paths cross it."""
        return tuple(
            name
            for name, readers in self.readers.items()
            if (name == self.image or front >> self.producer[name] & 1)
            and (name in self.outputs or any(not front >> reader & 1 for reader in readers))
        )

    def members(self, nodes: int) -> list[onnx.NodeProto]:
        """Return the nodes of a set of bits, in the graph's order."""
        return [node for index, node in enumerate(self.nodes) if nodes >> index & 1]


def element_types(model: onnx.ModelProto) -> Mapping[str, int]:
    """Return the element type of every tensor that inference knows."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = [*graph.input, *graph.value_info, *graph.output]
    return {value.name: value.type.tensor_type.elem_type for value in values}


FLOAT: Final = TensorProto.FLOAT
