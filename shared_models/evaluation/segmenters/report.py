"""The report of `slimstream eval segmentation`: a row for each codec, quality and segmenter."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from shared_models.evaluation.curve_summary import CurveSummary, Sees
from shared_models.evaluation.report import EvaluationReport, Section


class SegmentationRow(Section):
    """One codec at one quality, seen by one segmenter."""

    codec: str
    quality: float
    """In the codec's own measure."""
    segmenter: str
    sees: Sees
    pictures: int
    bytes_mean: float
    """Bytes a picture, whole files."""
    live_bytes_mean: float | None
    """Bytes a picture on a live link, where the codec has such a form."""
    bpp: float
    """All bits over all pixels of the pictures."""
    mean_iou: float
    """Mean intersection over union of the classes in the labels, over all pictures together."""
    pixel_accuracy: float
    """Share of labelled pixels that are right."""
    iou: dict[str, float]
    """By class."""
    agreement: float
    """Share of all pixels with the class that --segmenter finds on the uncompressed picture."""
    kept: float | None
    """mIoU over that of --segmenter on uncompressed pictures; None where that is nothing."""
    encode_ms_median: float


class SegmentationReport(EvaluationReport):
    """Bytes against what a segmenter still finds."""

    kind: Literal["segmentation"] = "segmentation"
    rows: tuple[SegmentationRow, ...]
    summary: CurveSummary = Field(default_factory=CurveSummary)

    def markdown(self) -> str:
        """Return a table a row, and what follows from them."""
        from shared_models.evaluation.segmenters.presentation import segmentation_markdown

        return segmentation_markdown(self)

    def draw(self, path: Path) -> None:
        """Draw mIoU over bytes; raise InputError where the file cannot be written."""
        from shared_models.evaluation.segmenters.presentation import draw_segmentation

        draw_segmentation(self, path)
