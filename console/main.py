"""The `slimstream` command: one table of what it can do, and the one place where errors meet people."""

import os
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Annotated

import typer
from typer.main import get_command

from console.environment import settle
from console.lazy import Entry, LazyGroup, explained
from shared_models.errors import SlimstreamError

TRACEBACK_VARIABLE = "SLIMSTREAM_TRACEBACK"
"""Environment variable that shows where an unexpected error came from, when set to anything."""

_WRONG_PLACES = (PermissionError, IsADirectoryError, NotADirectoryError)
"""What goes wrong with a file that a user named wrongly; a file of ours may be missing as well."""

ENTRIES = {
    "demo": Entry(
        "console.demo.cli",
        "Run a real clip through an agent and a cloud on this machine, and show what it cost.",
        "demo",
    ),
    "edge": Entry("edge.cli", "Run the agent beside the cameras.", "edge"),
    "cloud": Entry("console.cloud", "Run the gateway, the store, the workers and the API.", "cloud"),
    "pull": Entry("console.pull", "Get one frame as a picture, and say what it cost.", "cloud"),
    "encode": Entry("console.encode", "Compress pictures into .slim files.", "edge"),
    "decode": Entry("console.decode", "Make pictures from .slim files.", "edge"),
    "inspect": Entry("console.inspect", "Say what is inside a .slim file; needs no model."),
    "detect": Entry("console.detect", "Detect objects in .slim files or pictures.", "edge"),
    "classify": Entry("console.classify", "Name what .slim files or pictures show.", "edge"),
    "segment": Entry(
        "console.segment", "Say which class every pixel of .slim files or pictures belongs to.", "edge"
    ),
    "models": Entry(
        "console.models", "List, show, verify and import model packages; fetch models of others."
    ),
    "fit-bridge": Entry("console.fit_bridge", "Make a vision model of yours run on latents.", "bridge"),
    "eval": Entry(
        "console.eval.app", "Measure codecs on your pictures: bytes against what is still seen.", "eval"
    ),
    "certs": Entry("console.certs", "Make a development CA, certificates and tokens.", "cloud"),
    "doctor": Entry("console.doctor", "Check this installation: what is missing, and how to mend it."),
    "docs": Entry("console.reference", "Write the reference pages."),
}

app = typer.Typer(
    name="slimstream",
    cls=LazyGroup,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
LazyGroup.entries = ENTRIES


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        try:
            typer.echo(f"slimstream {metadata.version('slimstream')}")
        except metadata.PackageNotFoundError:
            typer.echo("slimstream, run from a checkout that is not installed")
        raise typer.Exit


@app.callback()
def slimstream(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Cameras at the end of thin links: latents to the cloud, pictures only when pulled."""


def main() -> None:
    """Run the command line of this process and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code: 2 for the user's mistakes, 1 for ours.

    Whatever goes wrong is one sentence on stderr, never a traceback unless SLIMSTREAM_TRACEBACK is set.
    """
    settle(os.environ)
    try:
        code = get_command(app).main(
            list(arguments) or ["--help"], prog_name="slimstream", standalone_mode=False
        )
        sys.stdout.flush()
    except typer.Abort:
        return _fail("interrupted", 130)
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        entry = ENTRIES.get(arguments[0]) if arguments else None
        if entry and isinstance(error, ModuleNotFoundError):
            error = explained(error, arguments[0], entry)
        return _fail(*explain(error))
    return code if isinstance(code, int) else 0


def explain(error: Exception) -> tuple[str, int]:
    """Return what to tell people about an error, and the exit code."""
    if isinstance(error, SlimstreamError):
        return str(error), error.exit_code
    format_message = getattr(error, "format_message", None)
    if format_message is not None:  # the parser's errors; their class is private to typer
        context = getattr(error, "ctx", None)
        hint = f"; see `{context.command_path} --help`" if context else ""
        return f"{format_message().rstrip('.')}{hint}", int(getattr(error, "exit_code", 2))
    if isinstance(error, OSError):
        code = 2 if isinstance(error, _WRONG_PLACES) else 1
        return f"{error.filename or 'the system'}: {error.strerror or error}", code
    return (
        f"internal error, {type(error).__name__}: {error}; please report it with the output of the same "
        f"command under {TRACEBACK_VARIABLE}=1",
        1,
    )


def _fail(message: str, code: int) -> int:
    typer.echo(f"slimstream: {' '.join(message.split())}", err=True)
    return code
