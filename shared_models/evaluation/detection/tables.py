"""A detection report as Markdown."""

from collections.abc import Iterable

from shared_models.evaluation.detection.report import DetectionReport, DetectionRow, Interval
from shared_models.evaluation.table import markdown, what_else

COLUMNS = ("person", "vehicles", "person_and_vehicles", "animals")


def detection_markdown(report: DetectionReport) -> str:
    """Return tables of the rows, of bytes at kept accuracy and of the comparisons, then what else to know."""
    parts = [_rows(report.rows)]
    if any(series.bytes_for for series in report.summary.series):
        parts.append(_bytes_for(report))
    if any(c.bd_rate_percent is not None or c.bd_accuracy is not None for c in report.summary.comparisons):
        parts.append(_comparisons(report))
    return "\n".join([*parts, what_else(report)])


def _rows(rows: Iterable[DetectionRow]) -> str:
    headers = ["codec", "quality", "detector", "bytes", "live", "bpp", "mAP", "95 %", "kept %", "AP50"]
    headers += [f"AP50 {name.replace('_', ' ')}" for name in COLUMNS] + ["encode ms", "decode ms"]
    return markdown(
        headers,
        [
            [
                row.codec,
                f"{row.quality:g}",
                row.detector,
                f"{row.bytes_mean:.0f}",
                "" if row.live_bytes_mean is None else f"{row.live_bytes_mean:.0f}",
                f"{row.bpp:.3f}",
                f"{row.AP:.3f}",
                _interval(row.AP_interval, ".3f"),
                "" if row.kept is None else f"{100 * row.kept:.1f}",
                f"{row.AP50:.3f}",
                *(_figure(row.groups[name].AP50) for name in COLUMNS),
                f"{row.encode_ms_median:.1f}",
                f"{row.decode_ms_median:.1f}",
            ]
            for row in rows
        ],
    )


def _bytes_for(report: DetectionReport) -> str:
    shares = [found.kept for found in report.summary.series[0].bytes_for]
    return markdown(
        ["codec", "detector", *(f"bytes at {share:.0%} of the mAP on pixels" for share in shares)],
        [
            [
                series.codec,
                series.detector,
                *(
                    "never" if found.bytes is None else f"{'≤ ' if found.is_bound else ''}{found.bytes:.0f}"
                    for found in series.bytes_for
                ),
            ]
            for series in report.summary.series
        ],
    )


def _comparisons(report: DetectionReport) -> str:
    headers = ["codec", "detector", "peer", "BD-rate %", "95 %", "overlap", "BD-mAP", "95 %", "overlap"]
    return markdown(
        headers,
        [
            [
                c.codec,
                c.detector,
                c.peer,
                _figure(c.bd_rate_percent, "+.1f"),
                _interval(c.bd_rate_interval, "+.0f"),
                _figure(c.bd_rate_overlap, ".2f"),
                _figure(c.bd_accuracy, "+.3f"),
                _interval(c.bd_accuracy_interval, "+.3f"),
                _figure(c.bd_accuracy_overlap, ".2f"),
            ]
            for c in report.summary.comparisons
        ],
    )


def _figure(value: float | None, form: str = ".3f") -> str:
    return "–" if value is None else f"{value:{form}}"


def _interval(interval: Interval | None, form: str) -> str:
    return "–" if interval is None else f"{interval[0]:{form}} … {interval[1]:{form}}"
