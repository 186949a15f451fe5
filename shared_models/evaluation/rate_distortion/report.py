"""The report of `slimstream eval rd`: a row for each codec and quality, and what follows."""

from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import Field

from shared_models.evaluation.report import EvaluationReport, Section


class Measure(StrEnum):
    """By which figure codecs are compared; larger is better in each."""

    PSNR = "psnr_db"
    MS_SSIM = "ms_ssim_db"
    SSIMULACRA2 = "ssimulacra2"


class RateDistortionRow(Section):
    """One codec at one quality: means over the pictures."""

    codec: str
    quality: float
    """In the codec's own measure."""
    pictures: int
    bytes_mean: float
    """Bytes a picture, whole files."""
    bpp: float
    """All bits over all pixels of the pictures."""
    base_bytes_mean: float | None
    """Of our base layer, without headers, where the codec has layers."""
    enhancement_bytes_mean: float | None
    psnr_db: float
    """Over all RGB samples."""
    ms_ssim: float
    """Of RGB, mean of the channels."""
    ms_ssim_db: float
    """-10·log10(1 − MS-SSIM), of each picture before the mean."""
    ssimulacra2: float
    encode_ms_median: float
    decode_ms_median: float


class RateDistortionComparison(Section):
    """One of ours beside a peer by one measure; None where the curves share no range."""

    codec: str
    peer: str
    measure: Measure
    bd_rate_percent: float | None
    """Bits at equal fidelity; negative: fewer than the peer."""
    bd_rate_overlap: float | None
    """Range of the measure that both cover, as a share of what either covers."""


class RateDistortionSummary(Section):
    """What follows from the rows."""

    comparisons: tuple[RateDistortionComparison, ...] = ()


class RateDistortionReport(EvaluationReport):
    """Bytes against fidelity to the source."""

    kind: Literal["rd"] = "rd"
    rows: tuple[RateDistortionRow, ...]
    summary: RateDistortionSummary = Field(default_factory=RateDistortionSummary)

    def markdown(self) -> str:
        """Return tables of the rows and of what follows from them."""
        from shared_models.evaluation.rate_distortion.presentation import rate_distortion_markdown

        return rate_distortion_markdown(self)

    def draw(self, path: Path) -> None:
        """Draw each measure over bytes, side by side; raise InputError where the file cannot be written."""
        from shared_models.evaluation.rate_distortion.presentation import draw_rate_distortion

        draw_rate_distortion(self, path)
