"""Markdown tables that read well as plain text, too, and what a report says below them."""

from collections.abc import Sequence

from shared_models.evaluation.report import EvaluationReport


def markdown(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an aligned table; columns of numbers stand at the right."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    columns = list(zip(headers, *cells, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numeric = [bool(cells) and all(map(_is_number, column[1:])) for column in columns]

    def line(row: Sequence[str]) -> str:
        placed = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        return f"| {' | '.join(placed)} |"

    ruler = [
        "-" * (width - 1) + ":" if right else "-" * width
        for width, right in zip(widths, numeric, strict=True)
    ]
    return "\n".join([line(headers), f"| {' | '.join(ruler)} |", *map(line, cells)]) + "\n"


def what_else(report: EvaluationReport) -> str:
    """Return what was missing, the notes, the codecs' settings, and how, on what and when it was measured."""
    lines = [f"- Missing: {name}: {reason}." for name, reason in report.missing.items()]
    lines += [f"- {note}" for note in report.notes]
    lines += [f"- {codec.name}: {codec.settings}." for codec in report.codecs]
    lines += [f"- {name.replace('_', ' ')}: {value}." for name, value in report.settings.items()]
    if report.model:
        lines.append(f"- Model {report.model.name}, fingerprint `{report.model.fingerprint}`.")
    machine = report.machine
    cores = "1 core" if machine.cores == 1 else f"{machine.cores} cores"
    lines.append(f"- {machine.processor}, {cores}, {machine.system}; {report.date:%Y-%m-%d}.")
    return "\n".join([*lines, "", "```sh", report.command, "```", ""])


def _is_number(cell: str) -> bool:
    return not cell or cell[0] in "–-−+≤.0123456789"
