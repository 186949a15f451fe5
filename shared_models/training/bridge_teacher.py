"""The frozen model as a teacher: what it makes of a canvas at the cut, deeper down, and in the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from shared_models.bridges.cut_candidates import CutCandidate
from shared_models.bridges.model_graph import ModelGraph
from shared_models.bridges.onnx_module import OnnxModule
from shared_models.bridges.split import exposed_levels, score_tensors
from shared_models.codecs.backend import BackendOptions, Network
from shared_models.tasks.input_convention import Array


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the teacher makes of B canvases: features at the cuts, at deeper levels, and its outputs."""

    features: Sequence[Array]
    levels: Sequence[Array]
    outputs: Sequence[Array]


class BridgeTeacher:
    """A whole model in ONNX Runtime, and the tail behind its cut in torch, for the gradients."""

    def __init__(
        self, graph: ModelGraph, cut: CutCandidate, others: Mapping[str, NDArray[np.generic]], threads: int
    ) -> None:
        """Watch the model at `cut`, at deeper levels and at its scores; raise ModelError where that fails.

        `others` is what the model must be told besides the picture.
        """
        self.cut = cut.tensors
        self.levels = tuple(level.name for level in exposed_levels(graph, cut))
        self.outputs = score_tensors(graph)
        names = [*self.cut, *self.levels, *self.outputs]
        self.tail = OnnxModule(graph.model, self.cut, names[len(self.cut) :])
        self.tail.requires_grad_(False).eval()
        watched = onnx.ModelProto()
        watched.CopyFrom(graph.model)
        del watched.graph.output[:]
        watched.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
        options = BackendOptions(threads=threads, keeps_arena=True)
        self._network = Network(watched.SerializeToString(), "model", options)
        self._image, self._others = graph.image, dict(others)

    def teach(self, canvases: Sequence[Array]) -> Lesson:
        """Canvases (1, ...) as the model wants them -> what it makes of them, one at a time."""
        runs = [self._run(canvas) for canvas in canvases]
        made = [np.concatenate(column) for column in zip(*runs, strict=True)]
        first, second = len(self.cut), len(self.cut) + len(self.levels)
        return Lesson(made[:first], made[first:second], made[second:])

    def _run(self, canvas: Array) -> list[Array]:
        feeds: dict[str, NDArray[np.generic]] = {**self._others, self._image: canvas}
        return self._network.run(*[feeds[spec.name] for spec in self._network.inputs])
