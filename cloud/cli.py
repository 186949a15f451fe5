"""`slimstream cloud`: run the gateway, the workers and the API; check and show a configuration."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from cloud.config import ENV_PREFIX, CloudConfig, Role
from runtime.config import dump_config, load_config
from shared_models.errors import ConfigError

app = typer.Typer(
    name="cloud",
    help="Run the gateway, the store, the workers and the API.",
    no_args_is_help=False,
    invoke_without_command=True,
    add_completion=False,
)

ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="YAML configuration; without it the defaults hold.")
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="Override a key, as in --set listen.address=127.0.0.1:6000.")
]
Roles = Annotated[
    str, typer.Option("--roles", help="Which parts this process runs, of gateway, worker and api.")
]
_ALL_ROLES = ",".join(Role)


@app.callback()
def main(
    context: typer.Context,
    config: ConfigFile = None,
    settings: Settings = None,
    roles: Roles = _ALL_ROLES,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Show the configuration with its defaults, and leave.")
    ] = False,
) -> None:
    """Run the cloud: `slimstream cloud --config cloud.yaml`.

    Examples:
        slimstream cloud
        slimstream cloud run --config /etc/slimstream/cloud.yaml --roles gateway,api
        slimstream cloud --config cloud.yaml --print-config
    """
    if context.invoked_subcommand is not None:
        if config or settings or print_config or roles != _ALL_ROLES:
            command = f"slimstream cloud {context.invoked_subcommand}"
            raise ConfigError(f"an option stands before the command it is for; write `{command} --config …`")
        return
    if print_config:
        typer.echo(dump_config(load_cloud_config(config, settings)), nl=False)
        return
    run(config, settings, roles)


@app.command()
def run(config: ConfigFile = None, settings: Settings = None, roles: Roles = _ALL_ROLES) -> None:
    """Run until SIGTERM or Ctrl-C; what was accepted by then is stored.

    Examples:
        slimstream cloud run --config cloud.yaml
        slimstream cloud run --config cloud.yaml --roles gateway,api
    """
    # Idle threads of OpenMP must sleep: workers share the machine. Read when the library is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from cloud.service import serve

    asyncio.run(serve(load_cloud_config(config, settings), parse_roles(roles)))


@app.command()
def validate(config: ConfigFile = None, settings: Settings = None) -> None:
    """Check a configuration, its credentials and its models without running anything.

    Examples:
        slimstream cloud validate --config cloud.yaml
    """
    from cloud.service import check

    typer.echo(check(load_cloud_config(config, settings)))


@app.command()
def paths() -> None:
    """List the paths that workers can run.

    Examples:
        slimstream cloud paths
    """
    from cloud.paths.catalogue import path_names

    typer.echo("\n".join(path_names()))


def load_cloud_config(path: Path | None, settings: list[str] | None) -> CloudConfig:
    """Return the configuration from file, environment and flags; raise ConfigError."""
    return load_config(CloudConfig, path, env_prefix=ENV_PREFIX, overrides=settings or ())


def parse_roles(text: str) -> frozenset[Role]:
    """Read `gateway,api`; raise ConfigError for a role that does not exist."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in set(Role)]
    if unknown or not names:
        what = unknown[0] if unknown else ""
        raise ConfigError(f"--roles names {what!r}, which is no role; choose of {', '.join(Role)}")
    return frozenset(Role(name) for name in names)
