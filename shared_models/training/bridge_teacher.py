"""The frozen model as a teacher: what it makes of a canvas at the cut, deeper down, and in the end."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from torch import Tensor

from shared_models.bridges.cut_candidates import CutCandidate
from shared_models.bridges.model_graph import ModelGraph
from shared_models.bridges.onnx_module import OnnxModule
from shared_models.bridges.split import exposed_levels, score_tensors
from shared_models.codecs.backend import BackendOptions, Network
from shared_models.tasks.input_convention import Array


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the teacher makes of B canvases of one size.

    Features at the cuts and at deeper levels are (B, C, H, W) bfloat16 in the layout of convolutions: half
    the memory, and an error far below what any bridge reaches. Outputs are float32 as they come.
    """

    features: Sequence[Tensor]
    levels: Sequence[Tensor]
    outputs: Sequence[Tensor]


class BridgeTeacher:
    """A whole model in ONNX Runtime, and the tail behind its cut in torch, for the gradients."""

    def __init__(
        self, graph: ModelGraph, cut: CutCandidate, *, whole: onnx.ModelProto | None, threads: int
    ) -> None:
        """Watch the model at `cut`, at deeper levels and at its scores; raise ModelError where that fails.

        `whole` is the model for canvases of any size; without it, the teacher takes the model's own canvas.
        """
        self.cut = cut.tensors
        self.levels = tuple(level.name for level in exposed_levels(graph, cut))
        self.outputs = score_tensors(graph)
        names = [*self.cut, *self.levels, *self.outputs]
        self.tail = OnnxModule(whole or graph.model, self.cut, names[len(self.cut) :], rounds=False)
        self.tail.requires_grad_(False).eval()
        watched = onnx.ModelProto()
        watched.CopyFrom(whole or graph.model)
        del watched.graph.output[:]
        watched.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
        options = BackendOptions(threads=threads, keeps_arena=True)
        self._network = Network(watched.SerializeToString(), "model", options)

    def teach(self, canvases: Sequence[Array]) -> Lesson:
        """Canvases (1, ...) of one size, as the model wants them -> what it makes of them, one at a time."""
        runs = [self._network.run(canvas) for canvas in canvases]
        made = [torch.from_numpy(np.concatenate(column)) for column in zip(*runs, strict=True)]
        first, second = len(self.cut), len(self.cut) + len(self.levels)
        maps = [m.to(torch.bfloat16, memory_format=torch.channels_last) for m in made[:second]]
        return Lesson(maps[:first], maps[first:], made[second:])
