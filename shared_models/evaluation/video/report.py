"""The report of `slimstream eval video`: a row for each codec, quality and detector, and what follows."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from shared_models.evaluation.curve_summary import CurveSummary, Sees
from shared_models.evaluation.detection.report import GroupAccuracy
from shared_models.evaluation.report import EvaluationReport, Section


class VideoRow(Section):
    """One codec at one quality over the clip, seen by one detector."""

    codec: str
    quality: float
    """In the codec's own measure."""
    detector: str
    sees: Sees
    frames: int
    bytes_mean: float
    """Bytes a frame over the whole clip, key frames and headers included; ours as on a live link."""
    bytes_median: float
    bytes_max: float
    """Of the largest frame, the first key frame as a rule."""
    kbit_per_s: float
    """At the clip's frame rate; kbit are 1,000 bits."""
    key_frames: int
    """Frames that stand alone; ours are all that."""
    AP: float
    """Mean over classes and over IoU .5 to .95."""
    AP50: float
    kept: float
    """AP over that of the same detector on uncompressed pixels."""
    groups: dict[str, GroupAccuracy]
    """By group of classes, and by size of the object in the evaluated frame."""
    encode_ms_median: float
    """A frame, on one thread."""


class VideoReport(EvaluationReport):
    """Bytes a frame against what a detector still finds, at one frame rate."""

    kind: Literal["video"] = "video"
    rows: tuple[VideoRow, ...]
    summary: CurveSummary = Field(default_factory=CurveSummary)

    def markdown(self) -> str:
        """Return tables of the rows and of what follows from them."""
        from shared_models.evaluation.video.presentation import video_markdown

        return video_markdown(self)

    def draw(self, path: Path) -> None:
        """Draw AP over bytes a frame; raise InputError where the file cannot be written."""
        from shared_models.evaluation.video.presentation import draw_video

        draw_video(self, path)
