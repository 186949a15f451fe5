"""`slimstream docs`: reference pages, from the commands themselves and from the configuration's schemas."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from console.inputs import make_directory
from console.lazy import Entry, load_command
from shared_models.errors import ConfigError

app = typer.Typer()

_HEAD = "<!-- Written by `make docs` from the commands' help: change the help, not this page. -->\n"


@app.command()
def docs(
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where the pages go, e.g. docs/ref.")
    ],
) -> None:
    """Write the reference pages.

    Needs every extra, since every command is imported.

    Examples:
      slimstream docs --output docs/ref
    """
    from console.main import ENTRIES
    from console.reference_schemas import schema_pages

    make_directory(output)
    for name, text in schema_pages().items():
        (output / name).write_text(text, encoding="utf-8")
        typer.echo(f"{output / name}")
    page = output / "cli.md"
    page.write_text(cli_page(ENTRIES), encoding="utf-8")
    typer.echo(f"{page}: {len(ENTRIES)} commands")


def cli_page(entries: dict[str, Entry]) -> str:
    """Return the Markdown of all commands; raise ConfigError where an extra is missing."""
    sections = [_HEAD, "# The `slimstream` command\n"]
    sections += [
        f"- [`slimstream {name}`](#slimstream-{name}): {entry.summary}" for name, entry in entries.items()
    ]
    for name, entry in entries.items():
        for title, command in walk(f"slimstream {name}", load_command(name, entry)):
            sections.append(command_section(title, command))
    return "\n".join(sections)


def walk(title: str, command: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401  # typer's type is private
    """Yield a command and, depth first, those below it, each with its full name."""
    yield title, command
    for name, child in getattr(command, "commands", {}).items():
        yield from walk(f"{title} {name}", child)


def command_section(title: str, command: Any) -> str:  # noqa: ANN401  # as above
    """Return a command's section: what it does, its arguments and options, its examples."""
    lines = [f"\n## `{title}`\n", command.help or "", ""]
    rows = [_option_row(title, option) for option in command.params if option.name != "help"]
    if rows:
        lines += ["| option | what it does | default |", "|---|---|---|", *rows, ""]
    _, *examples = (command.epilog or "").split("\n\n")
    if examples:
        lines += ["```sh", *examples, "```", ""]
    return "\n".join(lines)


def _option_row(title: str, option: Any) -> str:  # noqa: ANN401  # as above
    is_argument = option.param_type_name == "argument"
    names = option.name.upper() if is_argument else ", ".join([*option.opts, *option.secondary_opts])
    help_text = getattr(option, "help", None)
    if not help_text:
        raise ConfigError(f"the option {names} of `{title}` has no help; write one beside its declaration")
    has_default = option.default is not None and option.default is not False and not callable(option.default)
    default = f"`{_plain(option.default)}`" if has_default else ""
    required = "required" if option.required else default
    return f"| `{names}` | {help_text.replace('|', chr(92) + '|')} | {required} |"


def _plain(value: object) -> object:
    return getattr(value, "value", value)
