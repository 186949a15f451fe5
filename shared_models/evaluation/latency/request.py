"""What `slimstream eval latency` was asked to measure."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared_models.errors import InputError
from shared_models.evaluation.latency.codec_stages import FLOAT
from shared_models.evaluation.latency.report import Size
from shared_models.evaluation.latency.stage import INT8

BACKENDS: Final = (FLOAT, INT8)
FRAMES_MAX: Final = 64
ROUNDS_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class Labels:
    """Labelled pictures."""

    annotations: Path
    """A COCO instances file."""
    images: Path | None
    limit: int | None
    side: int
    """Long side to which larger pictures are made smaller, pixels; 0 keeps them."""


@dataclass(frozen=True, slots=True)
class LatencyRequest:
    """Everything that decides the measurement; construction raises InputError for what makes no sense."""

    command: str
    model: str
    """Package, by name or path."""
    sizes: tuple[Size, ...]
    widths: tuple[float, ...]
    """Of the encoder; none for all that the model has."""
    qualities: tuple[float, ...]
    """None for the model's default."""
    backends: tuple[str, ...]
    """Of the encoder."""
    threads: tuple[int, ...]
    frames: int
    rounds: int
    source: Path | None
    """A clip or a directory of frames; None for a synthetic scene."""
    bridge: Path | None
    detector: Path | None
    """The whole model that the bridge leads into."""
    calibration: Path | None = None
    """Pictures that fix the ranges of int8 encoders; None for frames of the source before those measured."""
    labels: Labels | None = None
    """Pictures on which int8 encoders are judged by what a detector finds, too."""
    measures_memory: bool = True

    def __post_init__(self) -> None:
        """Raise InputError."""
        unknown = sorted(set(self.backends) - set(BACKENDS))
        if unknown or not self.backends:
            asked = ", ".join(unknown) or "without a name"
            raise InputError(f"there is no backend {asked}; known are {', '.join(BACKENDS)}")
        if not 1 <= self.frames <= FRAMES_MAX or not 1 <= self.rounds <= ROUNDS_MAX:
            raise InputError(
                f"{self.frames} frames in {self.rounds} rounds cannot be measured: 1 to {FRAMES_MAX} frames, "
                f"1 to {ROUNDS_MAX} rounds"
            )
        if not self.sizes or not self.threads or min(self.threads) < 1:
            raise InputError("at least one size and one number of threads, 1 or more, are needed")
        if self.bridge is not None and self.detector is None:
            raise InputError(
                "a bridge is measured against the whole detector it leads into; name it with --detector"
            )


def parse_size(text: str) -> Size:
    """Read `640x480`; raise InputError."""
    width, _, height = text.lower().replace("×", "x").partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise InputError(f"{text!r} is no size; write width and height in pixels, as in 640x480")
    return int(width), int(height)


def parse_numbers(text: str, what: str) -> tuple[float, ...]:
    """Read `1,2` and the like; raise InputError."""
    try:
        return tuple(float(number) for number in text.split(","))
    except ValueError:
        raise InputError(f"{text!r} is no {what}, nor several with commas between them") from None
