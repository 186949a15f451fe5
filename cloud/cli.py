"""`slimstream cloud`: run the gateway, the workers and the API; check and show a configuration."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from cloud.config import ENV_PREFIX, CloudConfig, Role
from runtime.config import load_config
from runtime.service_command import (
    ConfigFile,
    PrintConfig,
    Settings,
    is_for_subcommand,
    service_app,
    show_config,
)
from shared_models.errors import ConfigError

app = service_app("cloud", "Run the gateway, the store, the workers and the API.")

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
    print_config: PrintConfig = False,
) -> None:
    """Run the cloud: `slimstream cloud --config cloud.yaml`.

    Examples:
        slimstream cloud
        slimstream cloud run --config /etc/slimstream/cloud.yaml --roles gateway,api
        slimstream cloud --config cloud.yaml --print-config
    """
    has_options = bool(config or settings or print_config or roles != _ALL_ROLES)
    if is_for_subcommand(context, has_options=has_options):
        return
    if print_config:
        show_config(load_cloud_config(config, settings))
    else:
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
