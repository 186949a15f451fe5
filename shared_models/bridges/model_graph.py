"""Somebody's ONNX model, understood: its input, its outputs, its feature maps, and where it can be cut."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import helper

from shared_models.bridges.cut_candidates import CutCandidate, CutFinder, ranked
from shared_models.bridges.data_flow import DataFlow, element_types
from shared_models.bridges.exact_freeing import freed_exactly
from shared_models.bridges.free_shapes import Shapes, StaticError
from shared_models.bridges.model_reading import TidyModel, example, read_tidy
from shared_models.errors import ModelError
from shared_models.tasks.image_input import ImageInput

Side = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ModelGraph:
    """A model of one picture on one canvas."""

    name: str
    exported: onnx.ModelProto
    """Tidied; it gives the same outputs as the file, to float32's rounding."""
    model: onnx.ModelProto
    """The same, for any batch where `takes_batches`."""
    takes_batches: bool
    input: ImageInput
    side: Side
    """Width and height of the canvas."""
    shapes: Mapping[str, Sequence[int]]
    """Of every tensor, at batch 1."""
    finder: CutFinder
    candidates: tuple[CutCandidate, ...]
    """Best first; none where nothing separates a front from a tail."""

    @property
    def image(self) -> str:
        """The name of the picture's input."""
        return self.input.spec.name

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the model's outputs."""
        return self.finder.flow.outputs

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one picture."""
        return self.finder.macs

    def best(self) -> CutCandidate:
        """Return the first candidate; raise ModelError where there is none."""
        if not self.candidates:
            raise ModelError(
                f"{self.name} cannot be cut: no set of one to four feature maps at strides 8 to 32 separates "
                "a front from a tail; name tensors with --cut"
            )
        return self.candidates[0]

    def candidate(self, tensors: Sequence[str]) -> CutCandidate:
        """Return the cut at `tensors`; raise ModelError where they do not separate front from tail."""
        return self.finder.cut_at(tensors)


def inspect_model(path: Path, side: Side | None = None) -> ModelGraph:
    """Read a model and find where it can be cut.

    `side` (width, height) is the canvas of a model that takes any. Raises ModelError for a file that is no
    ONNX model of one picture, and for one whose free shapes cannot be fixed.
    """
    tidy = read_tidy(path, side)
    flow = DataFlow(tidy.model.graph, tidy.image.spec.name)
    loose = [name for name in flow.outputs if name not in flow.producer]
    if len(loose) == len(flow.outputs):
        raise ModelError(f"no output of {path.name} depends on its picture; check the export")
    shapes = tidy.shapes
    finder = CutFinder(flow, shapes, element_types(tidy.model), tidy.side)
    batched = _batched(tidy, shapes, finder.types)
    return ModelGraph(
        path.name,
        tidy.model,
        batched or tidy.model,
        batched is not None,
        tidy.image,
        tidy.side,
        shapes,
        finder,
        ranked(finder.all()),
    )


def _batched(tidy: TidyModel, shapes: Shapes, types: Mapping[str, int]) -> onnx.ModelProto | None:
    """Free the batch of the whole model; None where the export has written it down for good."""
    one, two = (example(tidy.image, tidy.side, batch) for batch in (1, 2))
    kind = tidy.model.graph.input[0].type.tensor_type.elem_type
    image = helper.make_tensor_value_info(tidy.image.spec.name, kind, ["B", *two.shape[1:]])
    try:
        return freed_exactly(tidy.model, [image], shapes, types, here=[one], other=[two])
    except StaticError:
        return None
