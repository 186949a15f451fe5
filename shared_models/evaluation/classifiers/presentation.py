"""A classification report as Markdown and as a figure."""

from collections.abc import Iterator
from pathlib import Path

from shared_models.evaluation.classifiers.report import ClassificationReport, ClassificationRow
from shared_models.evaluation.curve_summary import CurvePoint
from shared_models.evaluation.curve_tables import lines_of, number, summary_tables
from shared_models.evaluation.peers.pixels import NAME as UNCOMPRESSED
from shared_models.evaluation.plots import Level, Titles, draw_rate_figure
from shared_models.evaluation.table import markdown, what_else


def classification_markdown(report: ClassificationReport) -> str:
    """Return tables of the rows and of what follows, then what else to know."""
    headers = ["codec", "quality", "classifier", "bytes", "live", "bpp", "top-1 %", "95 %", "top-5 %"]
    headers += ["agreement %", "kept %", "encode ms"]
    rows = markdown(headers, [_cells(row) for row in report.rows])
    return "\n".join([rows, *summary_tables(report.summary, "top-1"), what_else(report)])


def _cells(row: ClassificationRow) -> list[str]:
    low_high = row.top1_interval
    return [
        row.codec,
        f"{row.quality:g}",
        row.classifier,
        f"{row.bytes_mean:.0f}",
        "" if row.live_bytes_mean is None else f"{row.live_bytes_mean:.0f}",
        f"{row.bpp:.3f}",
        f"{100 * row.top1:.1f}",
        "–" if low_high is None else f"{100 * low_high[0]:.0f} … {100 * low_high[1]:.0f}",
        f"{100 * row.top5:.1f}",
        f"{100 * row.agreement:.1f}",
        number(None if row.kept is None else 100 * row.kept, ".1f"),
        f"{row.encode_ms_median:.1f}",
    ]


def points_of(report_rows: tuple[ClassificationRow, ...]) -> Iterator[CurvePoint]:
    """Return the points of the curves: top-1 against bytes."""
    for row in report_rows:
        if row.codec != UNCOMPRESSED and row.kept is not None:
            yield CurvePoint(row.codec, row.classifier, row.sees, row.bytes_mean, row.top1, row.kept)


def draw_classification(report: ClassificationReport, path: Path) -> None:
    """Draw top-1 over bytes; raise InputError where the file cannot be written."""
    pixels = [row for row in report.rows if row.codec == UNCOMPRESSED]
    titles = Titles(
        title="How often a classifier is still right",
        subtitle=f"{report.rows[0].pictures} pictures",
        x="bytes a picture, whole files",
        y="top-1 accuracy",
    )
    levels = [Level(f"{row.classifier}, uncompressed", row.top1) for row in pixels]
    draw_rate_figure(path, lines_of(list(points_of(report.rows))), titles, levels)
