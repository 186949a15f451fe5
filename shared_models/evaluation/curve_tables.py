"""Tables and lines that reports of curves have in common."""

from collections.abc import Sequence

from shared_models.evaluation.curve_summary import CurvePoint, CurveSummary
from shared_models.evaluation.plots import Line, shown_name
from shared_models.evaluation.table import markdown


def summary_tables(summary: CurveSummary, accuracy: str) -> list[str]:
    """Return tables of bytes at shares of the accuracy on pixels, and of ours beside each peer."""
    tables = []
    if summary.series:
        shares = [found.kept for found in summary.series[0].bytes_for]
        headers = [
            "codec",
            "seen by",
            *(f"bytes at {share:.0%} of the {accuracy} on pixels" for share in shares),
        ]
        tables.append(
            markdown(
                headers,
                [
                    [series.codec, series.seen_by, *(_bytes(f.bytes, f.is_bound) for f in series.bytes_for)]
                    for series in summary.series
                ],
            )
        )
    if any(c.bd_rate_percent is not None or c.bd_accuracy is not None for c in summary.comparisons):
        headers = ["codec", "seen by", "peer", "BD-rate %", "overlap", f"BD-{accuracy}", "overlap"]
        tables.append(
            markdown(
                headers,
                [
                    [
                        c.codec,
                        c.seen_by,
                        c.peer,
                        number(c.bd_rate_percent, "+.1f"),
                        number(c.bd_rate_overlap, ".2f"),
                        number(c.bd_accuracy, "+.3f"),
                        number(c.bd_accuracy_overlap, ".2f"),
                    ]
                    for c in summary.comparisons
                ],
            )
        )
    return tables


def lines_of(points: Sequence[CurvePoint], *, in_clips: bool = False) -> list[Line]:
    """Return a line for each codec as each model sees it."""
    series: dict[tuple[str, str], list[CurvePoint]] = {}
    for point in points:
        series.setdefault((point.codec, point.seen_by), []).append(point)
    return [
        Line(
            label=f"{codec}, {seen_by}" if is_ours else shown_name(codec, in_clips=in_clips),
            codec=codec,
            is_ours=is_ours,
            x=[point.bytes_mean for point in held],
            y=[point.accuracy for point in held],
        )
        for (codec, seen_by), held in series.items()
        for is_ours in (held[0].sees == "latents",)
    ]


def number(value: float | None, form: str = ".3f") -> str:
    """Return a number, or a dash where there is none."""
    return "–" if value is None else f"{value:{form}}"


def _bytes(value: float | None, is_bound: bool) -> str:
    return "never" if value is None else f"{'≤ ' if is_bound else ''}{value:.0f}"
