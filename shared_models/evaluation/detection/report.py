"""The report of `slimstream eval detection`: a row for each codec, quality and detector, and what follows."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from shared_models.evaluation.report import EvaluationReport, Section

Interval = tuple[float, float]


class GroupAccuracy(Section):
    """Average precision on some of the objects; None where there are none."""

    AP: float | None
    AP50: float | None


class DetectionRow(Section):
    """One codec at one quality, seen by one detector."""

    codec: str
    quality: float
    """In the codec's own measure."""
    detector: str
    sees: Literal["pixels", "latents"]
    pictures: int
    bytes_mean: float
    """Bytes a picture, whole files."""
    live_bytes_mean: float | None
    """Bytes a picture on a live link, where the codec has such a form."""
    bpp: float
    """All bits over all pixels of the pictures."""
    AP: float
    """COCO's mAP: mean over classes and over IoU .5 to .95."""
    AP_interval: Interval | None
    """95 % over pictures, by bootstrap."""
    AP50: float
    AP50_interval: Interval | None
    kept: float | None
    """AP over that of the detector on uncompressed pixels, where that was measured."""
    kept_interval: Interval | None
    """Both on the same draws."""
    groups: dict[str, GroupAccuracy]
    """By group of classes, and by size of the object in the evaluated picture."""
    encode_ms_median: float
    """Processor time on one thread."""
    decode_ms_median: float
    """To pixels or to latents; without the detector."""
    coded_before: int
    """Pictures that an earlier run had coded and timed."""


class BytesFor(Section):
    """Bytes a picture at which a codec keeps a share of the AP on pixels."""

    kept: float
    bytes: float | None
    """None where no measured quality keeps so much."""
    is_bound: bool
    """The codec's cheapest quality already keeps more: it may need fewer."""


class DetectionSeries(Section):
    """One codec seen by one detector, over its qualities."""

    codec: str
    detector: str
    bytes_for: tuple[BytesFor, ...]


class DetectionComparison(Section):
    """A codec on latents beside a peer on pixels. Everything is None where the curves share no range."""

    codec: str
    detector: str
    peer: str
    bd_rate_percent: float | None
    """Bytes at equal AP; negative: fewer than the peer."""
    bd_rate_interval: Interval | None
    bd_rate_overlap: float | None
    """Range of AP that both cover, as a share of what either covers."""
    bd_accuracy: float | None
    """AP at equal bytes; positive: more than the peer."""
    bd_accuracy_interval: Interval | None
    bd_accuracy_overlap: float | None


class DetectionSummary(Section):
    """What follows from the rows."""

    series: tuple[DetectionSeries, ...] = ()
    comparisons: tuple[DetectionComparison, ...] = ()


class DetectionReport(EvaluationReport):
    """Bytes against detection accuracy."""

    kind: Literal["detection"] = "detection"
    rows: tuple[DetectionRow, ...]
    summary: DetectionSummary = Field(default_factory=DetectionSummary)

    def markdown(self) -> str:
        """Return tables of the rows, of bytes at kept accuracy and of the comparisons."""
        from shared_models.evaluation.detection.tables import detection_markdown

        return detection_markdown(self)

    def draw(self, path: Path) -> None:
        """Draw AP against bytes; raise InputError where that is impossible."""
        from shared_models.evaluation.detection.figure import draw_detection

        draw_detection(self, path)
