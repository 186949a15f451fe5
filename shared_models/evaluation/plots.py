"""Figures to be shown to people: accuracy against bytes, direct labels, bands of confidence.

Colours are Okabe and Ito's (2008), which readers with any colour vision can tell apart; ours is the thick
line, and markers differ, too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from shared_models.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OURS: Final = ("#009E73", "#00644A", "#5CC9A7")
_PEERS: Final = {
    "jpeg": ("#7F7F7F", "s"),
    "webp": ("#0072B2", "^"),
    "avif": ("#D55E00", "D"),
    "jxl": ("#CC79A7", "v"),
    "x264": ("#B8A100", "P"),
    "x265": ("#56B4E9", "X"),
    "svtav1": ("#E69F00", "p"),
}
_OTHERS: Final = (("#444444", "h"), ("#8C564B", "<"), ("#9467BD", ">"))
LABEL_GAP: Final = 0.035
"""Least distance of two labels that could meet, as a share of the height."""
LABEL_REACH: Final = 0.7
"""How far apart, in ln(bytes), labels can still meet."""


@dataclass(frozen=True, slots=True)
class Line:
    """One curve of a figure."""

    label: str
    codec: str
    is_ours: bool
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    """Lower ends of intervals of y; none where there are none."""
    high: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line: what is reached without a codec."""

    label: str
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Titles:
    """The words around a figure."""

    title: str
    subtitle: str
    x: str
    y: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One set of axes with its curves."""

    lines: Sequence[Line]
    titles: Titles
    levels: Sequence[Level] = ()


def draw_rate_figure(path: Path, lines: Sequence[Line], titles: Titles, levels: Sequence[Level] = ()) -> None:
    """Draw curves over a logarithmic axis of bytes; the suffix of `path` chooses the format.

    Raises InputError where the file cannot be written.
    """
    draw_panels(path, [Panel(lines, titles, levels)])


def draw_panels(path: Path, panels: Sequence[Panel]) -> None:
    """Draw several sets of curves side by side, as `draw_rate_figure` does one."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"font.size": 11, "svg.fonttype": "none", "svg.hashsalt": "slimstream"}):
        width = 10 if len(panels) == 1 else 7.2 * len(panels)
        figure = Figure(figsize=(width, 5.8), layout="constrained")
        for place, panel in enumerate(panels, 1):
            axes = figure.add_subplot(1, len(panels), place)
            _frame(axes, panel.lines, panel.titles)
            for level in panel.levels:
                _draw_level(axes, level)
            styles = zip(panel.lines, _styles(panel.lines), strict=True)
            _label(axes, [_draw_line(axes, line, style) for line, style in styles])
        save(figure, path)


def save(figure: "Figure", path: Path) -> None:
    """Write a figure; raise InputError where that is impossible or the format is not known."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        metadata: dict[str, Any] = {"Date": None} if path.suffix == ".svg" else {}
        figure.savefig(path, dpi=160, metadata=metadata)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
    except ValueError:
        raise InputError(f"{path} is no picture that can be drawn; use .png, .svg or .pdf") from None


@dataclass(frozen=True, slots=True)
class _Style:
    colour: str
    marker: str
    width: float


@dataclass(frozen=True, slots=True)
class _End:
    """The right end of a line, where its name goes."""

    x: float
    y: float
    label: str
    colour: str
    is_ours: bool


def _styles(lines: Sequence[Line]) -> list[_Style]:
    ours, others, styles = iter(OURS * len(lines)), iter(_OTHERS * len(lines)), []
    for line in lines:
        if line.is_ours:
            styles.append(_Style(next(ours), "o", 3.0))
        else:
            colour, marker = _PEERS.get(line.codec) or next(others)
            styles.append(_Style(colour, marker, 1.7))
    return styles


def _frame(axes: "Axes", lines: Sequence[Line], titles: Titles) -> None:
    axes.set_xscale("log")
    axes.set_title(titles.title, loc="left", fontsize=15, fontweight="bold", pad=24)
    axes.text(0, 1.015, titles.subtitle, transform=axes.transAxes, color="#5B6475", va="bottom")
    axes.set_xlabel(titles.x)
    axes.set_ylabel(titles.y)
    axes.grid(visible=True, which="major", color="#E3E5EA", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    sizes = [x for line in lines for x in line.x]
    if sizes:
        axes.set_xlim(min(sizes) * 0.85, max(sizes) * 1.9)  # room for labels at the right
        ticks = [t * 10.0**e for e in range(1, 7) for t in (1, 2, 5)]
        axes.set_xticks([t for t in ticks if min(sizes) * 0.85 <= t <= max(sizes) * 1.9])
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g} B" if x < 1000 else f"{x / 1000:g} kB")


def _draw_level(axes: "Axes", level: Level) -> None:
    if level.low is not None and level.high is not None:
        axes.axhspan(level.low, level.high, color="#1F2430", alpha=0.06, linewidth=0)
    axes.axhline(level.y, color="#1F2430", linewidth=1.2, linestyle=(0, (5, 3)))
    axes.text(0.005, level.y, level.label, transform=axes.get_yaxis_transform(), va="bottom", color="#1F2430")


def _draw_line(axes: "Axes", line: Line, style: "_Style") -> "_End":
    order = sorted(range(len(line.x)), key=lambda i: line.x[i])
    x, y = [line.x[i] for i in order], [line.y[i] for i in order]
    above = 3 if line.is_ours else 2
    if len(line.low) == len(line.x) == len(line.high):
        low, high = [line.low[i] for i in order], [line.high[i] for i in order]
        axes.fill_between(x, low, high, color=style.colour, alpha=0.16 if line.is_ours else 0.07, linewidth=0)
    axes.plot(
        x, y, color=style.colour, marker=style.marker, markersize=5, linewidth=style.width, zorder=above
    )
    return _End(x[-1], y[-1], line.label, style.colour, line.is_ours)


def _label(axes: "Axes", ends: Sequence["_End"]) -> None:
    """Write each line's name at its right end, moved apart where two would overlap."""
    bottom, top = axes.get_ylim()
    gap = LABEL_GAP * (top - bottom)
    placed: list[tuple[float, float]] = []
    for end in sorted(ends, key=lambda end: end.y):
        below = [at for x, at in placed if abs(math.log(x / end.x)) < LABEL_REACH]
        at = max([end.y, *(other + gap for other in below)])
        placed.append((end.x, at))
        axes.annotate(
            end.label,
            (end.x, end.y),
            xytext=(end.x * 1.06, at),
            color=end.colour,
            va="center",
            fontweight="bold" if end.is_ours else "normal",
            annotation_clip=False,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6},
        )
