"""Figures to be shown to people: accuracy against bytes, direct labels, bands of confidence.

Colours are Okabe and Ito's (2008), which readers with any colour vision can tell apart; ours is the thick
line, and markers differ, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from shared_models.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OURS: Final = ("#009E73", "#00644A", "#5CC9A7", "#1B3B2F")
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
_NAMES: Final = {"jpeg": "JPEG", "webp": "WebP", "avif": "AVIF", "jxl": "JPEG XL", "svtav1": "SVT-AV1"}
_VIDEO_ENCODERS: Final = frozenset({"x264", "x265", "svtav1"})
LABEL_GAP: Final = 0.035
"""Least distance of two labels, as a share of the height."""
LETTER_WIDTH: Final = 0.0115
"""How far a letter of a name reaches to the right, as a share of the width."""
PAPER: Final = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
"""Behind words that stand on lines."""


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


def shown_name(codec: str, *, in_clips: bool = False) -> str:
    """Return a codec's name as people write it; video encoders code a single picture as an intra frame."""
    name = _NAMES.get(codec, codec)
    return f"{name} intra" if codec in _VIDEO_ENCODERS and not in_clips else name


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
            styles = _styles(panel.lines)
            for line, style in zip(panel.lines, styles, strict=True):
                _draw_line(axes, line, style)
            _label(axes, panel.lines, styles)
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


_Place: TypeAlias = tuple[float, float]
_Named: TypeAlias = tuple[_Place, Line, _Style]


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
        axes.set_xlim(min(sizes) * 0.85, max(sizes) * 1.1)
        ticks = [t * 10.0**e for e in range(1, 7) for t in (1, 2, 5)]
        axes.set_xticks([t for t in ticks if min(sizes) * 0.85 <= t <= max(sizes) * 1.1])
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g} B" if x < 1000 else f"{x / 1000:g} kB")


def _draw_level(axes: "Axes", level: Level) -> None:
    if level.low is not None and level.high is not None:
        axes.axhspan(level.low, level.high, color="#1F2430", alpha=0.06, linewidth=0)
    axes.axhline(level.y, color="#1F2430", linewidth=1.2, linestyle=(0, (5, 3)))
    axes.text(0.005, level.y, level.label, transform=axes.get_yaxis_transform(), va="bottom", color="#1F2430")


def _draw_line(axes: "Axes", line: Line, style: "_Style") -> None:
    order = sorted(range(len(line.x)), key=lambda i: line.x[i])
    x, y = [line.x[i] for i in order], [line.y[i] for i in order]
    above = 3 if line.is_ours else 2
    if len(line.low) == len(line.x) == len(line.high):
        low, high = [line.low[i] for i in order], [line.high[i] for i in order]
        axes.fill_between(x, low, high, color=style.colour, alpha=0.16 if line.is_ours else 0.07, linewidth=0)
    axes.plot(
        x, y, color=style.colour, marker=style.marker, markersize=5, linewidth=style.width, zorder=above
    )


def _label(axes: "Axes", lines: Sequence[Line], styles: Sequence[_Style]) -> None:
    """Name peers in a column at the right; ours at their left ends, the better half above, the rest below."""
    bottom, top = axes.get_ylim()
    gap = LABEL_GAP * (top - bottom)
    named = [(line, style) for line, style in zip(lines, styles, strict=True) if line.x]
    ours = sorted((item for item in named if item[0].is_ours), key=lambda item: -float(np.mean(item[0].y)))
    upper = (len(ours) + 1) // 2
    for group, side in ((ours[:upper], 1), (ours[upper:], -1)):
        if not group:
            continue
        height = _edge(axes, [line for line, _ in group], side) + side * gap * (len(group) / 2 + 0.3)
        beside = _spread([((min(line.x), height), line, style) for line, style in reversed(group)], gap)
        for ((x, _), line, style), at in beside:
            axes.annotate(line.label, (x, at), color=style.colour, fontweight="bold", va="center", bbox=PAPER)
        lowest, highest = beside[0][1] - gap, beside[-1][1] + gap
        axes.set_ylim(min(axes.get_ylim()[0], lowest), max(axes.get_ylim()[1], highest))
    peers = [
        (max(zip(line.x, line.y, strict=True)), line, style) for line, style in named if not line.is_ours
    ]
    for (end, line, style), at in _spread(peers, gap):
        axes.annotate(
            line.label,
            end,
            xytext=(1.02, at),
            textcoords=axes.get_yaxis_transform(),
            color=style.colour,
            va="center",
            arrowprops={"arrowstyle": "-", "color": style.colour, "alpha": 0.5, "linewidth": 0.8},
            annotation_clip=False,
        )


def _edge(axes: "Axes", group: Sequence[Line], side: int) -> float:
    """Return how high curves and their bands reach where their names stand (side 1), or how low (-1)."""
    first, last = axes.get_xlim()
    reached: list[float] = []
    for line in group:
        edge = line.high if side > 0 else line.low
        heights = edge if len(edge) == len(line.x) else line.y
        x, y = zip(*sorted(zip(np.log(line.x), heights, strict=True)), strict=True)
        end = x[0] + np.log(last / first) * LETTER_WIDTH * len(line.label)
        reached += [height for at, height in zip(x, y, strict=True) if at < end]
        reached.append(float(np.interp(end, x, y)))
    return max(reached) if side > 0 else min(reached)


def _spread(named: Sequence[_Named], gap: float) -> list[tuple[_Named, float]]:
    """Move labels as little as it takes (least squares) to stand `gap` apart, in the order of their ends."""
    from scipy.optimize import isotonic_regression

    ordered = sorted(named, key=lambda item: item[0][1])
    if not ordered:
        return []
    steps = gap * np.arange(len(ordered))
    wanted = np.array([place[1] for place, _, _ in ordered])
    return list(zip(ordered, (isotonic_regression(wanted - steps).x + steps).tolist(), strict=True))
