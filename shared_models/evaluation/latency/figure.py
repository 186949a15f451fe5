"""A latency report as a figure: where a frame's time goes, and how near to the machine's peak."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shared_models.evaluation.latency.codec_stages import EXACT
from shared_models.evaluation.latency.path_stages import BRIDGED, BUILT_IN, ON_PIXELS
from shared_models.evaluation.latency.report import LatencyReport, Peak, StageRow
from shared_models.evaluation.latency.stage import INT8
from shared_models.evaluation.plots import OURS, PAPER, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GREY: Final = "#8A8F9C"
_INT8: Final = "#D55E00"
_INTENSITY: Final = (0.5, 8000.0)
"""Multiply-accumulates a byte: the span of the roofline's axis."""
_LABELS_AT: Final = 250.0
"""Where the names of stages stand on that axis."""
_LABEL_STEP: Final = 1.18
"""How far apart two names are, on the logarithmic axis of GMAC/s."""


def draw_latency(report: LatencyReport, path: Path) -> None:
    """Draw whole times as bars, and stages under the roofline; raise InputError where that is impossible."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    rows = list(_shown(report.rows))
    threads = max(row.threads for row in rows)
    size = rows[0].size
    with mpl.rc_context({"font.size": 10, "svg.fonttype": "none", "svg.hashsalt": "slimstream"}):
        figure = Figure(figsize=(12.5, 6), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
        _bars(left, list(_wholes(rows)))
        on = "1 thread" if threads == 1 else f"{threads} threads; peers on one"
        left.set_title(f"A frame of {size[0]}×{size[1]}, {on}", loc="left", fontweight="bold")
        _roofline(right, rows, [peak for peak in report.peaks if peak.threads == threads])
        right.set_title("Share of the machine's measured peak", loc="left", fontweight="bold")
        save(figure, path)


def _shown(rows: Sequence[StageRow]) -> Iterator[StageRow]:
    """Choose the first size, ours at its fewest threads and middle quality, and peers with their own."""
    ours = [row for row in rows if row.side != "peer"] or rows
    threads = min(row.threads for row in ours)
    qualities = sorted({row.quality for row in ours if row.quality is not None})
    quality = qualities[len(qualities) // 2] if qualities else None
    for row in rows:
        is_peer = row.side == "peer" and row.stage != ON_PIXELS
        is_ours = row.threads == threads and row.quality in (quality, None)
        if row.size == rows[0].size and (is_peer or is_ours):
            yield row


def _wholes(rows: Sequence[StageRow]) -> Iterator[tuple[str, StageRow]]:
    for row in rows:
        if row.stage == "encode":
            yield f"encode, width {row.width:g}, {row.backend}", row
        elif row.stage in {BRIDGED, BUILT_IN, ON_PIXELS}:
            yield row.stage, row
        elif row.side == "peer" and row.is_whole and row.stage != ON_PIXELS:
            yield f"{row.stage} ({row.backend})", row


def _bars(axes: "Axes", named: Sequence[tuple[str, StageRow]]) -> None:
    places = range(len(named), 0, -1)
    colours = [_GREY if row.side == "peer" else OURS[0] for _, row in named]
    axes.barh(places, [row.best_ms for _, row in named], color=colours, height=0.62)
    for place, (_, row) in zip(places, named, strict=True):
        axes.plot([row.median_ms] * 2, [place - 0.31, place + 0.31], color="#1F2430", linewidth=1.4)
        axes.text(max(row.median_ms, row.best_ms), place, f"  {row.best_ms:.1f}", va="center")
    axes.set_yticks(list(places), [name for name, _ in named])
    axes.set_xlabel("milliseconds: bar best, tick median")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)


def _roofline(axes: "Axes", rows: Sequence[StageRow], peaks: Sequence[Peak]) -> None:
    low, high = _INTENSITY
    traffic = {peak.what: peak.value for peak in peaks if peak.what in {"memory", "cache"}}
    arithmetic = {peak.what: peak.value for peak in peaks if peak.what in {"fp32", "int8"}}
    top = max(arithmetic.values())
    for (what, value), style in zip(traffic.items(), ("--", "-"), strict=True):
        line = [low * value, top]
        axes.plot(
            [low, top / value], line, style, color=_GREY, linewidth=1.2, label=f"{what}, {value:.0f} GB/s"
        )
    for name, value in arithmetic.items():
        axes.plot([value / max(traffic.values()), high], [value, value], color=_GREY, linewidth=1.4)
        axes.text(low, value * 1.05, f"{name}, {value:.0f} GMAC/s", color="#5B6475")
        axes.axhline(value, color=_GREY, linewidth=0.5, linestyle=":")
    bottom, top = _bottom(rows, top), 2 * top
    axes.set(xscale="log", yscale="log", ylim=(bottom, top))
    axes.set_xlabel("multiply-accumulates a byte moved")
    axes.set_ylabel("GMAC/s")
    axes.grid(visible=True, color="#E3E5EA", linewidth=0.8)
    axes.legend(loc="upper right", frameon=False, ncols=2)
    axes.set_yticks([t * 10.0**e for e in range(4) for t in (1, 2, 5) if bottom < t * 10.0**e < top])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    _points(axes, rows)


def _bottom(rows: Sequence[StageRow], top: float) -> float:
    """Return where the axis of GMAC/s begins: below the slowest stage that is shown, and its name."""
    return min([row.gmac_per_s for row in rows if row.gmac_per_s and row.backend != EXACT] + [top]) / 4


def _points(axes: "Axes", rows: Sequence[StageRow]) -> None:
    """Place stages, with their names at the right in the same order, apart from each other."""
    shown = [row for row in rows if row.bytes_moved and not row.is_whole and row.backend != EXACT]
    placed = sorted(
        ((row.gmac_per_s, (row.macs or 0) / (row.bytes_moved or 1), row) for row in shown if row.gmac_per_s),
        key=lambda point: point[0],
    )
    heights = _apart([rate for rate, _, _ in placed], _LABEL_STEP)
    for (rate, intensity, row), height in zip(placed, heights, strict=True):
        colour = _GREY if row.side == "peer" else _INT8 if row.backend == INT8 else OURS[0]
        width = f" {row.width:g}" if row.width else ""
        axes.scatter(intensity, rate, color=colour, s=26, zorder=3)
        axes.annotate(
            f"{row.stage}{width}, {row.backend}",
            (intensity, rate),
            xytext=(_LABELS_AT, height),
            fontsize=8,
            va="center",
            bbox=PAPER,
            arrowprops={"arrowstyle": "-", "color": "#C9CCD3", "linewidth": 0.7, "relpos": (0, 0.5)},
        )


def _apart(rates: Sequence[float], step: float) -> list[float]:
    """Move rising rates so that each is at least `step` times the one before: up and down alike."""
    up: list[float] = []
    down: list[float] = []
    for rate in rates:
        up.append(max(rate, up[-1] * step) if up else rate)
    for rate in reversed(rates):
        down.append(min(rate, down[-1] / step) if down else rate)
    return [math.sqrt(high * low) for high, low in zip(up, reversed(down), strict=True)]
