"""What every evaluation reports beside its figures: command, model, date, machine, settings, what missed.

Each kind of evaluation adds its rows in a class of its own; `shared_models.evaluation.schema` knows them all.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from shared_models.errors import InputError
from shared_models.evaluation.machine import Machine
from shared_models.evaluation.peers.codec import PictureCodec
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.peers.slim_full import SlimFull
from shared_models.packages.package import ModelPackage

SCHEMA_VERSION: Final = 1


class Section(BaseModel):
    """A part of a report: fixed once made, and nothing in it that the schema does not name."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelUsed(Section):
    """The model package whose latents were measured."""

    name: str
    fingerprint: str

    @classmethod
    def of(cls, package: ModelPackage) -> "ModelUsed":
        """Name a package."""
        return cls(name=package.name, fingerprint=package.fingerprint.hex())

    @classmethod
    def behind(cls, codecs: Iterable[object]) -> "ModelUsed | None":
        """Name the package of those codecs that are ours; None where none is."""
        ours = (codec.codec.package for codec in codecs if isinstance(codec, Slim | SlimFull))
        return next(map(cls.of, ours), None)


class CodecUsed(Section):
    """A codec and all that decides its bytes but the quality."""

    name: str
    settings: str
    quality_name: str

    @classmethod
    def of(cls, codec: PictureCodec) -> "CodecUsed":
        """Describe a codec."""
        return cls(name=codec.name, settings=codec.settings, quality_name=codec.quality_name)


class EvaluationReport(Section, ABC):
    """What all reports have in common. Subclasses fix `kind` and add `rows` and a summary."""

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: str
    command: str
    """What was typed."""
    date: datetime = Field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    machine: Machine
    model: ModelUsed | None = None
    settings: dict[str, JsonValue] = {}
    """How it was measured, by name."""
    codecs: tuple[CodecUsed, ...] = ()
    missing: dict[str, str] = {}
    """What was asked for and could not be measured, with the reason."""
    notes: tuple[str, ...] = ()
    """Sentences that a reader of the figures must know."""

    @abstractmethod
    def markdown(self) -> str:
        """Return the figures as Markdown tables, with what is missing and the notes."""

    @abstractmethod
    def draw(self, path: Path) -> None:
        """Draw the figures to a picture file; raise InputError where that is impossible."""


def write_report(path: Path, report: EvaluationReport) -> None:
    """Write a report as JSON; raise InputError where that is impossible."""
    write_text(path, report.model_dump_json(indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file, and the directories above it; raise InputError where that is impossible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
