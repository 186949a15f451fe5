"""What a fit works on: the model and its cut, the pictures, and the codec whose latents they become."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared_models.bridges.cut_candidates import CutCandidate
from shared_models.bridges.model_graph import ModelGraph, inspect_model
from shared_models.bridges.split import Split, split
from shared_models.codecs.backend import BackendOptions
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.errors import InputError
from shared_models.frames import Pixels
from shared_models.packages.package import ModelPackage
from shared_models.tasks.feature_placement import FeaturePlacement
from shared_models.tasks.image_input import size_value
from shared_models.tasks.input_convention import Array, InputConvention
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
    lr: float = 1e-3
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
        return cls(model, config, codec, pictures, graph, cut, split(graph, cut), pixel)

    def canvas(self, pixels: Pixels) -> Array:
        """(H, W, 3) uint8 RGB -> (1, 3, H', W') as the model wants it (planes last where it wants that)."""
        return np.asarray(self.pixel.image.tensor(self.pixel.convention, pixels), np.float32)

    def padding(self) -> Array:
        """Return a canvas of nothing but the pad colour."""
        convention = self.pixel.convention
        width, height = convention.side
        return self.canvas(np.full((height, width, 3), convention.pad, np.uint8))

    def placement(self, width: int, height: int) -> FeaturePlacement:
        """Say where the features of a picture of this size come to lie."""
        convention = self.pixel.convention
        return FeaturePlacement.of((width, height), convention.side, convention.place(width, height))

    def other_inputs(self) -> dict[str, NDArray[np.generic]]:
        """Return what the model must be told besides the picture."""
        side = self.pixel.convention.side
        return {spec.name: size_value(spec, side) for spec in self.pixel.image.others}

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
