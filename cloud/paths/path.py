"""The protocol of a path, and the values that go in and come out.

A path is found by an entry point of the group `slimstream.paths` that names a class; the class is called with
a `LoadedModel` and must raise ModelError if that model lacks what the path needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from shared_models.codecs.backend import BackendOptions
from shared_models.codecs.codec import CodedLayer, Decoder, Latents
from shared_models.frames import Pixels
from shared_models.packages.package import ModelPackage
from shared_models.tasks.results import Classification, Detection
from shared_models.tasks.segmentation import Segmentation


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model package and the decoder made from it."""

    package: ModelPackage
    decoder: Decoder
    backend: BackendOptions


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """One frame whose base symbols were decoded and checked."""

    base: CodedLayer
    latents: Latents
    """(1, C, h, w) float32, in the one latent space."""
    enhancement: CodedLayer | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the coded picture, in pixels."""
        return self.base.packet.frame_width, self.base.packet.frame_height


@dataclass(frozen=True, slots=True)
class Findings:
    """What a path found in one frame."""

    detections: Sequence[Detection] = ()
    classifications: Sequence[Classification] = ()
    segmentation: Segmentation | None = None
    picture: Pixels | None = field(default=None)


class Path(Protocol):
    """Something a worker or the API can do with frames of one model."""

    name: str
    """What operators and results call it, e.g. `detect`."""
    model: str
    """Package and part behind it, e.g. `slim-1/detect@0123456789abcdef`."""
    needs_enhancement: bool
    """Whether it reads the enhancement layer, which is there only for frames that were pulled."""
    makes_pictures: bool
    """Whether it makes pictures, for the API, or else results, which the worker makes of every frame."""

    def run(self, batch: Sequence[DecodedFrame]) -> Sequence[Findings]:
        """Turn frames of equal size into findings, one each and in order."""
        ...


def model_name(model: LoadedModel, part: str) -> str:
    """Name a part of a package as results do."""
    return f"{model.package.name}/{part}@{model.package.fingerprint.hex()}"


def stack_latents(batch: Sequence[DecodedFrame]) -> Latents:
    """Return the latents of frames of equal size as one (B, C, h, w) array."""
    return np.concatenate([frame.latents for frame in batch])
