"""A command group whose commands are imported when one is run, so that `--help` is quick everywhere.

typer keeps the types of commands and contexts to itself: here they are `Any`.
"""
# ruff: noqa: ANN401

from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, Final

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from shared_models.errors import ConfigError

_EXAMPLES: Final = "Examples:\n"
_COMPLETION: Final = ("install_completion", "show_completion")
_OURS: Final = ("cloud", "console", "edge", "runtime", "shared_models", "slimstream")


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: the module whose `app` holds it, its line in the list, and the extra that it needs."""

    module: str
    summary: str
    extra: str | None = None


class LazyGroup(TyperGroup):
    """Lists commands from `entries` and imports a command's module only to run it."""

    entries: ClassVar[dict[str, Entry]] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names, in the order of the table."""
        return list(self.entries)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a stand-in with the summary: enough for the list of commands."""
        entry = self.entries.get(cmd_name)
        return None if entry is None else TyperCommand(cmd_name, help=entry.summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the command that is to run."""
        name, stand_in, rest = super().resolve_command(ctx, args)
        return name, stand_in and load_command(args[0], self.entries[args[0]]), rest


def load_command(name: str, entry: Entry) -> Any:
    """Import a command; raise ConfigError that names the extra where a library of it is missing."""
    try:
        app = import_module(entry.module).app
    except ModuleNotFoundError as missing:
        raise explained(missing, name, entry) from None
    command = get_command(app)
    command.name = name
    _tidy(command)
    return command


def explained(missing: ModuleNotFoundError, name: str, entry: Entry) -> Exception:
    """Return a ConfigError that names the extra, or `missing` itself where no extra would help."""
    if entry.extra is None or (missing.name or "").partition(".")[0] in _OURS:
        return missing
    return ConfigError(f"`slimstream {name}` needs {missing.name}; pip install 'slimstream[{entry.extra}]'")


def _tidy(command: Any) -> None:
    """Let help flow in paragraphs and keep examples apart; completion is a matter of the whole program."""
    text, _, examples = (command.help or "").partition(_EXAMPLES)
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    command.help = "\n\n".join(filter(None, paragraphs))
    lines = [line.strip() for line in examples.splitlines()]
    if lines:
        command.epilog = "\n\n".join(["Examples:", *filter(None, lines)])
    command.params = [option for option in command.params if option.name not in _COMPLETION]
    for child in getattr(command, "commands", {}).values():
        _tidy(child)
