"""What a fit works on: the model and its cut, the pictures, and the codec whose latents they become."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Self

import numpy as np
import onnx

from shared_models.bridges.cut_candidates import CutCandidate
from shared_models.bridges.free_canvas import free_model
from shared_models.bridges.model_graph import ModelGraph, inspect_model
from shared_models.bridges.split import CANVAS_MULTIPLE, Split, split
from shared_models.codecs.backend import BackendOptions
from shared_models.codecs.pictures import padded
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.errors import InputError
from shared_models.frames import Pixels
from shared_models.packages.package import ModelPackage
from shared_models.tasks.feature_placement import FeaturePlacement, Side
from shared_models.tasks.input_convention import Array, Fit, InputConvention, Placement
from shared_models.tasks.pixel_model import PixelModel
from shared_models.training.unlabelled_pictures import UnlabelledPictures

_SAMPLES: Final = 4  # on which an input convention is tried, where the file leaves it open


@dataclass(frozen=True, slots=True)
class FitConfig:
    """How long, how fast and how a bridge is fitted."""

    minutes: float = 10.0
    steps: int | None = None
    """Instead of minutes."""
    long_side_px: int = 416
    """Larger pictures are made smaller before they are coded."""
    cut: tuple[str, ...] = ()
    """Tensors to cut at; none: the best candidate."""
    convention: InputConvention | None = None
    """How the model wants its pictures, where that is not to be found out."""
    layout: str | None = None
    """How its outputs are read, where that is not to be found out."""
    lr: float = 5e-4
    is_int8: bool = True
    """Write the bridge in int8, three times as fast, else in float32."""
    threads: int = 1
    seed: int = 0


@dataclass(frozen=True, slots=True)
class BridgePlan:
    """Everything opened and checked, nothing fitted yet."""

    path: Path
    config: FitConfig
    codec: SlimCodec
    pictures: UnlabelledPictures
    graph: ModelGraph
    cut: CutCandidate
    parts: Split
    pixel: PixelModel
    whole: onnx.ModelProto | None
    """The model for canvases of any size, where frames come to its tail at their own size."""

    @classmethod
    def open(cls, package: ModelPackage, model: Path, images: Path, config: FitConfig) -> Self:
        """Read the model and list the pictures; raise InputError or ModelError for what cannot work."""
        backend = BackendOptions(threads=config.threads)
        pictures = UnlabelledPictures(images, config.long_side_px, seed=config.seed)
        read = (pictures.read(index) for index in pictures.split().fitted)
        samples = list(islice((pixels for pixels in read if pixels is not None), _SAMPLES))
        pixel = PixelModel.open(
            model, backend, convention=config.convention, layout=config.layout, samples=samples
        )
        graph = inspect_model(model, pixel.convention.side)
        cut = graph.candidate(config.cut) if config.cut else graph.best()
        codec = SlimCodec.load(package, backend=backend)
        parts = split(graph, cut)
        # a segmenter's map covers its canvas, so that is the whole frame, brought to one form
        is_free = pixel.task != "segment" and not parts.tail_is_static
        whole = free_model(graph) if is_free else None
        return cls(model, config, codec, pictures, graph, cut, parts, pixel, whole)

    @property
    def is_free(self) -> bool:
        """Frames come to the tail at their own size: no scaling, and next to no padding."""
        return self.whole is not None

    def side(self, width: int, height: int) -> Side:
        """Return the canvas of a picture of this size."""
        if not self.is_free:
            return self.pixel.convention.side
        return padded(width, CANVAS_MULTIPLE), padded(height, CANVAS_MULTIPLE)

    def canvas(self, pixels: Pixels, side: Side) -> Array:
        """(H, W, 3) uint8 RGB -> (1, 3, H', W') as the model wants it (planes last where it wants that).

        `side` is the model's own, or any that holds the picture where `is_free`.
        """
        convention = self.pixel.convention
        if side != convention.side or self.is_free:
            whole = np.full((side[1], side[0], 3), convention.pad, np.uint8)
            whole[: pixels.shape[0], : pixels.shape[1]] = pixels
            pixels, convention = whole, convention.model_copy(update={"side": side, "fit": Fit.STRETCH})
        return np.asarray(self.pixel.image.tensor(convention, pixels), np.float32)

    def padding(self) -> Array:
        """Return the model's own canvas with nothing but the pad colour on it."""
        convention = self.pixel.convention
        width, height = convention.side
        return self.canvas(np.full((height, width, 3), convention.pad, np.uint8), convention.side)

    def placement(self, width: int, height: int, side: Side) -> FeaturePlacement:
        """Say where the features of a picture of this size come to lie on a canvas."""
        where = self.pixel.convention.place(width, height)
        return FeaturePlacement.of(
            (width, height), side, Placement(1.0, 1.0, 0, 0) if self.is_free else where
        )

    def held_out(self, count: int | None = None) -> Sequence[Pixels]:
        """Return pictures that nothing is fitted to, the first `count` that can be read.

        Raises InputError if there is none.
        """
        read = (self.pictures.read(index) for index in self.pictures.split().held_out)
        found = list(islice((pixels for pixels in read if pixels is not None), count))
        if not found:
            raise InputError(
                f"none of the pictures held out of {self.pictures.directory} can be read; give more pictures"
            )
        return found
