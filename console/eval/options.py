"""Options that the evaluations share, worded once, and what is made of them."""

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from shared_models.errors import InputError

if TYPE_CHECKING:
    from shared_models.evaluation.sweep import Sweep

Codecs = Annotated[
    str,
    typer.Option(
        metavar="NAME,…",
        help="Codecs to measure: slim, slim@0.25 (a narrower encoder), jpeg, webp, avif, jxl, x264, x265, "
        "svtav1. One that is not installed is reported as missing.",
    ),
]
Qualities = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CODEC:Q,…",
        help="Qualities of a codec in its own measure, such as `jpeg:5,20,50` or `x264:51,40`; repeat it for "
        "each. Without it: the codec's usual range.",
    ),
]
Points = Annotated[
    int | None, typer.Option(min=1, max=100, help="Take so many of each codec's usual qualities.")
]
Side = Annotated[
    int,
    typer.Option(
        min=0,
        max=4096,
        metavar="PX",
        help="Make larger pictures smaller first, to this long side; 0 keeps them. Labels follow.",
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Only the first pictures.")]
Jobs = Annotated[
    int | None, typer.Option(min=1, max=256, help="Processes. Without it: one for each core at hand.")
]
CacheDirectory = Annotated[
    Path | None,
    typer.Option(
        "--cache", metavar="DIR", help="Where results are kept. Without it: slimstream/eval in ~/.cache."
    ),
]
JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="OUT", help="Write the whole report, as JSON.")
]
PlotFile = Annotated[
    Path | None, typer.Option("--plot", metavar="OUT", help="Draw the curves, as .png, .svg or .pdf.")
]
TableFile = Annotated[
    Path | None, typer.Option("--table", metavar="OUT", help="Write the tables, as Markdown.")
]


def bridge_into(kind: str, otherwise: str) -> typer.models.OptionInfo:
    """Return the option that names bridges into a `kind` of model, and says what is done without one."""
    option: typer.models.OptionInfo = typer.Option(
        metavar="BRIDGE",
        help=f"A bridge from latents into that {kind}: a directory of `slimstream fit-bridge`, or the name "
        f"of a ready-made one; repeat it for several. {otherwise}",
    )
    return option


_OF_THIS_RUN: Final = ("--json", "--plot", "--table", "--cache", "--jobs")


def typed_command(arguments: Sequence[str] | None = None) -> str:
    """Return the command line of this process as somebody would type it to measure the same again.

    Where outputs go and how many processes worked is left out.
    """
    given = iter(sys.argv[1:] if arguments is None else arguments)
    kept = ["slimstream"]
    for argument in given:
        option, has_value, _ = argument.partition("=")
        if option not in _OF_THIS_RUN:
            kept.append(argument)
        elif not has_value:
            next(given, None)
    return shlex.join(kept)


def split_names(text: str) -> tuple[str, ...]:
    """Read names that commas separate; raise InputError where there is none."""
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    if not names:
        raise InputError(f"{text!r} names no codec; write for example --codecs slim,jpeg,avif")
    return names


def parse_qualities(given: Sequence[str] | None, codecs: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Read `jpeg:5,20` and the like; raise InputError for what is none, or for a codec not measured."""
    qualities: dict[str, tuple[float, ...]] = {}
    for text in given or ():
        name, _, values = text.partition(":")
        try:
            qualities[name.strip().lower()] = tuple(float(value) for value in values.split(","))
        except ValueError:
            raise InputError(
                f"{text!r} names no qualities; write for example --qualities jpeg:5,20,50"
            ) from None
    measured = {*codecs, *(name.partition("@")[0] for name in codecs)}
    for name in qualities.keys() - measured:
        raise InputError(f"--qualities names {name!r}, which is none of the codecs {', '.join(codecs)}")
    return qualities


def sweep_of(  # noqa: PLR0917, as the options stand in every command
    codecs: str,
    qualities: list[str] | None,
    points: int | None,
    side: int,
    limit: int | None,
    model: str,
    jobs: int | None,
    cache: Path | None,
) -> "Sweep":
    """Return what the shared options ask for; raise InputError."""
    from shared_models.evaluation.cache import default_directory
    from shared_models.evaluation.peers.catalogue import CodecOptions
    from shared_models.evaluation.sweep import Sweep
    from shared_models.evaluation.workers import cores

    names = split_names(codecs)
    return Sweep(
        command=typed_command(),
        cache=cache or default_directory(),
        codecs=names,
        qualities=parse_qualities(qualities, names),
        points=points,
        side=side,
        limit=limit,
        model=CodecOptions(model),
        jobs=jobs or cores(),
    )


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how far something is, on stderr where that is a terminal."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
