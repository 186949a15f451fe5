"""A detection report as a figure."""

from pathlib import Path

from shared_models.evaluation.detection.report import DetectionReport, DetectionRow
from shared_models.evaluation.peers.pixels import NAME as UNCOMPRESSED
from shared_models.evaluation.plots import Level, Line, Titles, draw_rate_figure, shown_name


def draw_detection(report: DetectionReport, path: Path) -> None:
    """Draw mAP against bytes a picture; raise InputError where the file cannot be written."""
    series: dict[tuple[str, str], list[DetectionRow]] = {}
    for row in report.rows:
        if row.codec != UNCOMPRESSED:
            series.setdefault((row.codec, row.detector), []).append(row)
    levels = [
        Level(f"{row.detector}, uncompressed", row.AP, *(row.AP_interval or (None, None)))
        for row in report.rows
        if row.codec == UNCOMPRESSED
    ]
    rows = report.rows[0]
    side = report.settings.get("long_side_px")
    scale = f", long side {side} px" if isinstance(side, int) else ""
    titles = Titles(
        title="How much a detector still sees",
        subtitle=f"{rows.pictures} pictures{scale}; bands: 95 %, bootstrap over pictures",
        x="bytes a picture, whole files",
        y="mAP (COCO, IoU .50:.95)",
    )
    draw_rate_figure(path, [_line(held) for held in series.values()], titles, levels)


def _line(rows: list[DetectionRow]) -> Line:
    first = rows[0]
    intervals = [row.AP_interval for row in rows]
    known = [interval for interval in intervals if interval is not None]
    is_ours = first.sees == "latents"
    is_banded = is_ours and len(known) == len(rows)  # one band can be read, eight cannot
    return Line(
        label=f"{first.codec}, {first.detector}" if is_ours else shown_name(first.codec),
        codec=first.codec,
        is_ours=is_ours,
        x=[row.bytes_mean for row in rows],
        y=[row.AP for row in rows],
        low=[low for low, _ in known] if is_banded else (),
        high=[high for _, high in known] if is_banded else (),
    )
