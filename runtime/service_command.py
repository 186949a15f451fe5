"""What the commands of both services have in common: where the configuration comes from, and showing it."""

from pathlib import Path
from typing import Annotated

import typer

from runtime.config import ConfigSection, dump_config
from shared_models.errors import ConfigError

ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="YAML configuration; without it the defaults hold.")
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="Override a key, as in --set log.level=debug; repeatable.")
]
PrintConfig = Annotated[
    bool, typer.Option("--print-config", help="Show the configuration with its defaults, and leave.")
]


def service_app(name: str, summary: str) -> typer.Typer:
    """Return the app of a service: without a command it runs."""
    return typer.Typer(
        name=name, help=summary, no_args_is_help=False, invoke_without_command=True, add_completion=False
    )


def is_for_subcommand(context: typer.Context, *, has_options: bool) -> bool:
    """Say whether a command follows; raise ConfigError where options stand before it, and would be lost."""
    if context.invoked_subcommand is None:
        return False
    if has_options:
        command = f"slimstream {context.info_name} {context.invoked_subcommand}"
        raise ConfigError(f"an option stands before the command it is for; write `{command} --config …`")
    return True


def show_config(config: ConfigSection) -> None:
    """Print a configuration as YAML that can be read again, secrets masked."""
    typer.echo(dump_config(config), nl=False)
