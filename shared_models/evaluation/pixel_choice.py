"""A model on pixels, chosen once and opened alike in every process."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from shared_models.errors import InputError
from shared_models.evaluation.cache import key, source_key
from shared_models.frames import Pixels
from shared_models.tasks.input_convention import InputConvention
from shared_models.tasks.layouts.layout import Task
from shared_models.tasks.pixel_model import PixelModel
from shared_models.tasks.results import Detection

SAMPLES_MAX: Final = 8
"""Pictures on which the input convention of an unknown model is tried."""
READING_CODE: Final = (
    "shared_models.tasks.detection",
    "shared_models.tasks.input_convention",
    "shared_models.tasks.layouts",
    "shared_models.tasks.pixel_model",
)
"""What decides a model's answers besides its file."""
_NOUNS: Final = {"detect": "detector", "classify": "classifier", "segment": "segmenter"}


@dataclass(frozen=True, slots=True)
class PixelChoice:
    """A model by its file, and what was found out about it."""

    path: Path
    convention: InputConvention
    layout: str
    classes: tuple[str, ...]
    """The names of its classes by index."""

    @classmethod
    def of(cls, path: Path, samples: Sequence[Pixels], task: Task = "detect") -> Self:
        """Find out how a model wants its pictures and what it answers; raise InputError or ModelError."""
        if not path.is_file():
            raise InputError(f"there is no {_NOUNS[task]} {path}; name an ONNX file")
        model = PixelModel.open(path, samples=samples[:SAMPLES_MAX])
        if model.task != task:
            raise InputError(f"{path} is no {_NOUNS[task]}: by its outputs it can {model.task}; name another")
        return cls(path, model.convention, model.layout.name, model.layout.class_names)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.stem

    def open(self) -> "OnPixels":
        """Load it; raise ModelError."""
        return OnPixels(self)


class OnPixels:
    """A model on pixels, ready to run on one thread."""

    def __init__(self, choice: PixelChoice) -> None:
        """Load the chosen model; raise ModelError."""
        self.name = choice.name
        self.model = PixelModel.open(choice.path, convention=choice.convention, layout=choice.layout)
        self.key = key(
            file_sum(choice.path),
            choice.convention.model_dump_json(),
            self.model.layout.model_dump_json(),
            source_key(*READING_CODE),
        )
        """Changes with everything that decides its answers."""

    def detect(self, pixels: Pixels) -> list[Detection]:
        """Find objects in (H, W, 3) uint8 RGB, best first."""
        return self.model.detect([pixels])[0]


def file_sum(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
