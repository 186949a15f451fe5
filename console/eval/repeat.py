"""`slimstream eval repeat`: measure again what reports hold."""

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from console.eval import options
from shared_models.errors import InputError

if TYPE_CHECKING:
    from shared_models.evaluation.report import EvaluationReport

_SLIMSTREAM: Final = (sys.executable, "-m", "console")


def repeat(
    reports: Annotated[
        list[Path],
        typer.Argument(metavar="REPORT.json…", help="Reports that --json wrote."),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Where the new reports go. Without it: each takes the place of the old one.",
        ),
    ] = None,
    jobs: options.Jobs = None,
    cache: options.CacheDirectory = None,
) -> None:
    """Measure again what reports hold, with the commands that they hold.

    Each command runs as a process of its own, in this directory: paths in it are as they were typed. A new
    report takes its place once it is whole; where a command fails, the old one stays and the next follows.

    Examples:
      slimstream eval repeat benchmarks/results/rd_kodak_dev.json
      slimstream eval repeat benchmarks/results/*.json --output today/
    """
    from shared_models.evaluation.schema import read_report

    commands = {path: _command(path, read_report(path)) for path in reports}
    given = [*(["--jobs", str(jobs)] if jobs else []), *(["--cache", str(cache)] if cache else [])]
    failed = []
    for path, (kind, arguments) in commands.items():
        place = (output or path.parent) / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".new-") as directory:
            new = Path(directory) / path.name
            shared = [] if kind == "latency" else given  # it runs alone and keeps nothing
            done = subprocess.run([*_SLIMSTREAM, *arguments, *shared, "--json", str(new)], check=False)
            if done.returncode == 0:
                new.replace(place)
            else:
                failed.append(path.name)
    if failed:
        raise InputError(f"not measured again, for the reasons above: {', '.join(failed)}; the old ones stay")


def _command(path: Path, report: "EvaluationReport") -> tuple[str, list[str]]:
    """Return the kind of a report and the arguments of `slimstream` that made it; raise InputError."""
    words = shlex.split(report.command)
    if words[:3] != ["slimstream", "eval", report.kind]:
        raise InputError(f"{path} holds no command of `slimstream eval {report.kind}`: {report.command!r}")
    return report.kind, words[1:]
