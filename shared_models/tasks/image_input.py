"""The input of a vision model that takes the picture, and how to feed it."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared_models.codecs.backend import Network, TensorSpec
from shared_models.errors import ModelError
from shared_models.frames import Pixels
from shared_models.tasks.input_convention import Array, InputConvention

Side = tuple[int, int]

PLANES: Final = 3
SIZE_INPUTS: Final = frozenset({"orig_target_sizes", "target_sizes", "image_size", "img_size"})
"""Names of inputs that take the size of the picture, so that boxes come out in its pixels."""
SHAPE_INPUTS: Final = frozenset({"im_shape", "image_shape", "img_shape"})
SCALE_INPUTS: Final = frozenset({"scale_factor"})


@dataclass(frozen=True, slots=True)
class ImageInput:
    """The picture's input and what else the network must be told."""

    spec: TensorSpec
    is_channels_last: bool
    others: tuple[TensorSpec, ...]

    @classmethod
    def of(cls, inputs: Sequence[TensorSpec], name: str) -> Self:
        """Find the image among `inputs` of the model `name`; raise ModelError."""
        images = [spec for spec in inputs if _takes_pictures(spec)]
        if not images:
            described = ", ".join(f"{spec.name} {list(spec.shape)}" for spec in inputs) or "none"
            raise ModelError(
                f"{name} has no input for a picture of three planes; its inputs are {described} "
                "(0 is a free axis)"
            )
        if len(images) > 1:
            names = ", ".join(spec.name for spec in images)
            raise ModelError(f"{name} takes several pictures ({names}); a model of one picture is needed")
        image = images[0]
        others = tuple(spec for spec in inputs if spec is not image)
        unknown = [spec.name for spec in others if not _is_told(spec)]
        if unknown:
            raise ModelError(
                f"{name} has an input {unknown[0]!r} besides its picture that nobody can fill in; "
                "export the model without it"
            )
        return cls(image, image.shape[1] != PLANES and image.shape[3] == PLANES, others)

    @property
    def side(self) -> Side | None:
        """Width and height, where both are fixed."""
        height, width = self.spec.shape[1:3] if self.is_channels_last else self.spec.shape[2:]
        return (width, height) if width and height else None

    @property
    def is_whole(self) -> bool:
        """The input takes bytes, not floats."""
        return self.spec.dtype.kind in "iu"

    def tensor(self, convention: InputConvention, pixels: Pixels) -> NDArray[np.generic]:
        """Bring one picture to the shape and type of the input, at batch 1."""
        planes = convention.prepare(pixels)
        ordered = planes.transpose(1, 2, 0) if self.is_channels_last else planes
        whole = np.clip(np.rint(ordered), 0, 255) if self.is_whole else ordered
        return np.ascontiguousarray(whole[np.newaxis], dtype=self.spec.dtype)

    def run(self, network: Network, convention: InputConvention, pixels: Pixels) -> list[Array]:
        """Run the network on one picture; raise BackendError."""
        feeds: dict[str, NDArray[np.generic]] = {self.spec.name: self.tensor(convention, pixels)}
        for spec in self.others:
            feeds[spec.name] = size_value(spec, convention.side)
        return network.run(*[feeds[spec.name] for spec in network.inputs])


def size_value(spec: TensorSpec, side: Side) -> NDArray[np.generic]:
    """Return what a size input is told: the canvas is the picture, so boxes come in its pixels."""
    width, height = side
    if spec.name in SCALE_INPUTS:
        values = [1.0, 1.0]
    elif spec.name in SHAPE_INPUTS:
        values = [height, width]
    else:  # RT-DETR's own order
        values = [width, height]
    return np.array(values, spec.dtype).reshape((1, 2) if len(spec.shape) == 2 else (2,))


def side_in(metadata: Mapping[str, str]) -> Side | None:
    """Return width and height that an exporter wrote into the file as `imgsz`, if it did."""
    try:
        height, width = ast.literal_eval(metadata.get("imgsz", ""))
        return int(width), int(height)
    except (ValueError, TypeError, SyntaxError):
        return None


def names_in(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Return the classes that an exporter wrote into the file as `names`, if it did."""
    try:
        names = ast.literal_eval(metadata.get("names", ""))
    except (ValueError, SyntaxError):
        return ()
    return tuple(map(str, names.values() if isinstance(names, dict) else names))


def _takes_pictures(spec: TensorSpec) -> bool:
    """Three planes, first or last; an export with all axes free has them first."""
    return len(spec.shape) == 4 and (PLANES in (spec.shape[1], spec.shape[3]) or not any(spec.shape[1:]))


def _is_told(spec: TensorSpec) -> bool:
    return spec.name in SIZE_INPUTS | SHAPE_INPUTS | SCALE_INPUTS and len(spec.shape) in (1, 2)
