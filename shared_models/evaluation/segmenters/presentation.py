"""A segmentation report as Markdown and as a figure."""

from collections.abc import Iterator
from pathlib import Path

from shared_models.evaluation.curve_summary import CurvePoint
from shared_models.evaluation.curve_tables import lines_of, number, summary_tables
from shared_models.evaluation.peers.pixels import NAME as UNCOMPRESSED
from shared_models.evaluation.plots import Level, Titles, draw_rate_figure
from shared_models.evaluation.segmenters.report import SegmentationReport, SegmentationRow
from shared_models.evaluation.table import markdown, what_else


def segmentation_markdown(report: SegmentationReport) -> str:
    """Return tables of the rows, of each class and of what follows, then what else to know."""
    headers = ["codec", "quality", "segmenter", "bytes", "live", "bpp", "mIoU", "pixels right %"]
    headers += ["agreement %", "kept %", "encode ms"]
    rows = markdown(headers, [_cells(row) for row in report.rows])
    return "\n".join([rows, _classes(report), *summary_tables(report.summary, "mIoU"), what_else(report)])


def _cells(row: SegmentationRow) -> list[str]:
    return [
        row.codec,
        f"{row.quality:g}",
        row.segmenter,
        f"{row.bytes_mean:.0f}",
        "" if row.live_bytes_mean is None else f"{row.live_bytes_mean:.0f}",
        f"{row.bpp:.3f}",
        f"{row.mean_iou:.3f}",
        f"{100 * row.pixel_accuracy:.1f}",
        f"{100 * row.agreement:.1f}",
        number(None if row.kept is None else 100 * row.kept, ".1f"),
        f"{row.encode_ms_median:.1f}",
    ]


def _classes(report: SegmentationReport) -> str:
    names = list(report.rows[0].iou)
    return markdown(
        ["codec", "quality", "segmenter", *(f"IoU {name}" for name in names)],
        [
            [row.codec, f"{row.quality:g}", row.segmenter, *(f"{row.iou[name]:.3f}" for name in names)]
            for row in report.rows
        ],
    )


def points_of(report_rows: tuple[SegmentationRow, ...]) -> Iterator[CurvePoint]:
    """Return the points of the curves: mIoU against bytes."""
    for row in report_rows:
        if row.codec != UNCOMPRESSED and row.kept is not None:
            yield CurvePoint(row.codec, row.segmenter, row.sees, row.bytes_mean, row.mean_iou, row.kept)


def draw_segmentation(report: SegmentationReport, path: Path) -> None:
    """Draw mIoU over bytes; raise InputError where the file cannot be written."""
    pixels = [row for row in report.rows if row.codec == UNCOMPRESSED]
    titles = Titles(
        title="How much a segmenter still finds",
        subtitle=f"{report.rows[0].pictures} pictures, {len(report.rows[0].iou)} classes",
        x="bytes a picture, whole files",
        y="mean intersection over union",
    )
    levels = [Level(f"{row.segmenter}, uncompressed", row.mean_iou) for row in pixels]
    draw_rate_figure(path, lines_of(list(points_of(report.rows))), titles, levels)
