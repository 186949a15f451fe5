"""`slimstream eval docs`: the pages that hold committed results."""

from pathlib import Path
from typing import Annotated

import typer


def docs(
    *,
    results: Annotated[
        Path, typer.Option(metavar="DIR", help="Reports, as --json of the evaluations writes them.")
    ] = Path("benchmarks/results"),
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where the pages and figures go.")
    ] = Path("docs"),
) -> None:
    """Write docs/benchmarks.md, docs/performance.md and their figures from result files.

    Every table and figure comes from a report, and brings the command, the model's fingerprint, the date and
    the machine that the report was measured with. Nothing is measured here.

    Examples:
      slimstream eval docs
      slimstream eval docs --results my-results/ --output my-pages/
    """
    from shared_models.evaluation.result_pages import read_results, write_pages

    for path in write_pages(read_results(results), output):
        typer.echo(path)
