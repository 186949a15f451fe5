"""`docs/benchmarks.md` and `docs/performance.md`: what the committed results say, and nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from shared_models.errors import InputError
from shared_models.evaluation.latency.page import performance_page
from shared_models.evaluation.latency.ratios import headlines
from shared_models.evaluation.latency.report import LatencyReport
from shared_models.evaluation.latency.tables import peaks_table, ratios_table
from shared_models.evaluation.report import EvaluationReport, write_text
from shared_models.evaluation.schema import read_report
from shared_models.evaluation.table import what_else

BENCHMARKS: Final = "benchmarks.md"
PERFORMANCE: Final = "performance.md"
FIGURES: Final = "figures/results"
"""Where a result's figure goes, under the pages."""

_TITLES: Final = {
    "detection": "Detection accuracy against bytes",
    "video": "Video: detection accuracy against bytes",
    "rd": "Pictures for people: fidelity against bytes",
    "classification": "Classification accuracy against bytes",
    "segmentation": "Segmentation accuracy against bytes",
    "latency": "Latency",
}
_HEAD: Final = (
    "<!-- Written by `slimstream eval docs` from benchmarks/results: measure again, do not edit. -->\n"
)


def read_results(directory: Path) -> dict[str, EvaluationReport]:
    """Read every report of a directory, by the file's name; raise InputError for one that is none."""
    if not directory.is_dir():
        raise InputError(f"{directory} is no directory of results")
    return {path.stem: read_report(path) for path in sorted(directory.glob("*.json"))}


def pages(results: Mapping[str, EvaluationReport]) -> dict[str, str]:
    """Return the pages by file name."""
    found = {BENCHMARKS: benchmarks_page(results)}
    latencies = {name: report for name, report in results.items() if isinstance(report, LatencyReport)}
    found[PERFORMANCE] = _HEAD + performance_page(
        {name: (r, figure_of(name)) for name, r in latencies.items()}
    )
    return found


def benchmarks_page(results: Mapping[str, EvaluationReport]) -> str:
    """Return every result as figure and tables, each with its command, model, date and machine."""
    lines = [
        _HEAD,
        "# Benchmarks\n",
        "Everything here was measured by `slimstream eval` and is kept, with every row, in "
        "[`benchmarks/results`](../benchmarks/results). `slimstream eval docs` writes this page and "
        "[performance.md](performance.md) from those files, and a test holds both to them. Each result ends "
        "with its model's fingerprint, its machine, its date and the command that measures it again.\n",
    ]
    if not results:
        lines.append("Nothing is kept there yet.\n")
    order = sorted(results, key=lambda name: (_rank(results[name]), name))
    lines += [f"- [{_title(name, results[name])}](#{name})" for name in order]
    for name in order:
        lines += ["", f'<a id="{name}"></a>', "", f"## {_title(name, results[name])}", ""]
        lines += [f"![{_title(name, results[name])}]({figure_of(name)})", "", _tables(results[name]).rstrip()]
    return "\n".join(lines).rstrip() + "\n"


def write_pages(results: Mapping[str, EvaluationReport], directory: Path) -> list[Path]:
    """Write pages and figures; return their paths. Raises InputError where that is impossible."""
    written = []
    for name, text in pages(results).items():
        write_text(directory / name, text)
        written.append(directory / name)
    for name, report in results.items():
        report.draw(directory / figure_of(name))
        written.append(directory / figure_of(name))
    return written


def figure_of(name: str) -> str:
    """Return where the figure of a result is, from the pages."""
    return f"{FIGURES}/{name}.svg"


def _tables(report: EvaluationReport) -> str:
    if not isinstance(report, LatencyReport):
        return report.markdown()
    parts = [
        "Every stage, with its share of the peak, is in [performance.md](performance.md).\n",
        peaks_table(report.peaks),
        ratios_table(headlines(report)),
        what_else(report),
    ]
    return "\n".join(parts)


def _title(name: str, report: EvaluationReport) -> str:
    title = _TITLES.get(report.kind, report.kind.capitalize())
    detail = name.removeprefix(report.kind).replace("_", " ").replace("-", " ").strip()
    return f"{title}: {detail}" if detail else title


def _rank(report: EvaluationReport) -> int:
    kinds = list(_TITLES)
    return kinds.index(report.kind) if report.kind in kinds else len(kinds)
