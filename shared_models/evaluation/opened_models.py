"""The models of one process: on pixels, and on latents."""

from functools import cached_property
from typing import Generic, Protocol, TypeVar

from shared_models.evaluation.pixel_choice import OnPixels, PixelChoice
from shared_models.packages.package import ModelPackage

Model = TypeVar("Model")
Model_co = TypeVar("Model_co", covariant=True)


class Choice(Protocol[Model_co]):
    """A model on latents by where it comes from."""

    def open(self, package: ModelPackage) -> Model_co:
        """Load it for the latents of `package`; raise InputError or ModelError."""
        ...


class OpenedModels(Generic[Model]):
    """Each model is opened when it is first needed, and kept."""

    def __init__(self, pixels: PixelChoice | None) -> None:
        """Take the model that looks at pixels, if one does."""
        self._pixels = pixels
        self._on_latents: dict[Choice[Model], Model] = {}

    @cached_property
    def on_pixels(self) -> OnPixels:
        """The model on pixels."""
        assert self._pixels is not None, "there is a model on pixels where somebody looks with it"
        return self._pixels.open()

    def on_latents(self, choice: Choice[Model], package: ModelPackage) -> Model:
        """Return a model on the latents of `package`."""
        if choice not in self._on_latents:
            self._on_latents[choice] = choice.open(package)
        return self._on_latents[choice]
