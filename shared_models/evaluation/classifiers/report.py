"""The report of `slimstream eval classification`: a row for each codec, quality and classifier."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from shared_models.evaluation.curve_summary import CurveSummary, Sees
from shared_models.evaluation.report import EvaluationReport, Section


class ClassificationRow(Section):
    """One codec at one quality, seen by one classifier."""

    codec: str
    quality: float
    """In the codec's own measure."""
    classifier: str
    sees: Sees
    pictures: int
    bytes_mean: float
    """Bytes a picture, whole files."""
    live_bytes_mean: float | None
    """Bytes a picture on a live link, where the codec has such a form."""
    bpp: float
    """All bits over all pixels of the pictures."""
    top1: float
    """Share of pictures whose most probable class is the labelled one."""
    top1_interval: tuple[float, float] | None
    """95 % over pictures, by bootstrap."""
    top5: float
    """Share of pictures whose labelled class is among the five most probable."""
    agreement: float
    """Share of pictures with the same most probable class as --classifier finds on the pixels."""
    kept: float | None
    """Top-1 over that of --classifier on the pixels; None where that is right about no picture."""
    encode_ms_median: float


class ClassificationReport(EvaluationReport):
    """Bytes against the share of pictures that a classifier gets right."""

    kind: Literal["classification"] = "classification"
    rows: tuple[ClassificationRow, ...]
    summary: CurveSummary = Field(default_factory=CurveSummary)

    def markdown(self) -> str:
        """Return a table a row, and what follows from them."""
        from shared_models.evaluation.classifiers.presentation import classification_markdown

        return classification_markdown(self)

    def draw(self, path: Path) -> None:
        """Draw top-1 over bytes; raise InputError where the file cannot be written."""
        from shared_models.evaluation.classifiers.presentation import draw_classification

        draw_classification(self, path)
