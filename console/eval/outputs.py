"""Where a report goes: known to be writable before hours are spent on it."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from shared_models.errors import InputError

if TYPE_CHECKING:
    from shared_models.evaluation.report import EvaluationReport

FIGURES: Final = (".png", ".svg", ".pdf")


@dataclass(frozen=True, slots=True)
class Outputs:
    """The files that were asked for; the tables are printed anyway."""

    json: Path | None
    plot: Path | None
    table: Path | None

    def __post_init__(self) -> None:
        """Raise InputError for a file that cannot be written, or a figure that cannot be drawn."""
        if self.plot and self.plot.suffix.lower() not in FIGURES:
            raise InputError(f"{self.plot} is no figure that can be drawn; end it in {', '.join(FIGURES)}")
        for path in filter(None, (self.json, self.plot, self.table)):
            _check(path)

    def write(self, report: "EvaluationReport") -> None:
        """Print the tables, then write the files; raise InputError where the disk refuses."""
        from shared_models.evaluation.report import write_report, write_text

        text = report.markdown()
        typer.echo(text)
        if self.json:
            write_report(self.json, report)
        if self.table:
            write_text(self.table, text)
        if self.plot:
            report.draw(self.plot)


def _check(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path} is a directory; name a file in it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}; name another file") from None
    if path.exists() and not os.access(path, os.W_OK):
        raise InputError(f"{path} cannot be written: Permission denied; name another file")
