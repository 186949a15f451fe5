"""A video report as Markdown and as a figure."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from shared_models.evaluation.curve_summary import CurvePoint
from shared_models.evaluation.curve_tables import lines_of, number, summary_tables
from shared_models.evaluation.plots import Level, Titles, draw_rate_figure
from shared_models.evaluation.table import markdown, what_else
from shared_models.evaluation.video.report import VideoReport, VideoRow
from shared_models.evaluation.video.video_codecs import PIXELS

COLUMNS: Final = ("person", "vehicles")
AGREEMENT: Final = "AP (IoU .50:.95), agreement with the detector on pixels"


def video_markdown(report: VideoReport) -> str:
    """Return tables of the rows and of what follows, then what else to know."""
    headers = ["codec", "quality", "detector", "bytes a frame", "median", "largest", "kbit/s", "key frames"]
    headers += ["AP", "kept %", "AP50", *(f"AP50 {name}" for name in COLUMNS), "encode ms"]
    rows = markdown(headers, [_cells(row) for row in report.rows])
    return "\n".join([rows, *summary_tables(report.summary, "AP"), what_else(report)])


def _cells(row: VideoRow) -> list[str]:
    return [
        row.codec,
        f"{row.quality:g}",
        row.detector,
        f"{row.bytes_mean:.0f}",
        f"{row.bytes_median:.0f}",
        f"{row.bytes_max:.0f}",
        f"{row.kbit_per_s:.1f}",
        f"{row.key_frames}",
        f"{row.AP:.3f}",
        f"{100 * row.kept:.1f}",
        f"{row.AP50:.3f}",
        *(number(row.groups[name].AP50) for name in COLUMNS),
        f"{row.encode_ms_median:.1f}",
    ]


def points_of(report_rows: tuple[VideoRow, ...]) -> Iterator[CurvePoint]:
    """Return the points of the curves: AP against bytes a frame."""
    for row in report_rows:
        if row.codec != PIXELS:
            yield CurvePoint(row.codec, row.detector, row.sees, row.bytes_mean, row.AP, row.kept)


def draw_video(report: VideoReport, path: Path) -> None:
    """Draw AP over bytes a frame; raise InputError where the file cannot be written."""
    settings = report.settings
    titles = Titles(
        title="How much a detector still sees in moving pictures",
        subtitle=f"{settings['clip']}, {settings['frames']} frames of {settings['size_px']} pixels at "
        f"{settings['frames_per_second']:g} a second",
        x="bytes a frame, key frames and headers included",
        y=f"AP (IoU .50:.95) by {settings['truth']}" if "labels" in str(settings["truth"]) else AGREEMENT,
    )
    levels = [Level(f"{row.detector}, uncompressed", row.AP) for row in report.rows if row.codec == PIXELS]
    draw_rate_figure(path, lines_of(list(points_of(report.rows)), in_clips=True), titles, levels)
