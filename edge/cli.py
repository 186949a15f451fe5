"""`slimstream edge`: run the agent, check and show its configuration."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from edge.config import ENV_PREFIX, AgentConfig
from runtime.config import load_config
from runtime.service_command import (
    ConfigFile,
    PrintConfig,
    Settings,
    is_for_subcommand,
    service_app,
    show_config,
)

app = service_app("edge", "Run the agent beside the cameras.")

UntilDone = Annotated[
    bool, typer.Option("--until-done", help="Leave when every file is played and everything is acknowledged.")
]


@app.callback()
def main(
    context: typer.Context,
    config: ConfigFile = None,
    settings: Settings = None,
    until_done: UntilDone = False,
    print_config: PrintConfig = False,
) -> None:
    """Run the agent: `slimstream edge --config edge.yaml`.

    Every key can be set from the environment (SLIMSTREAM_EDGE__LINK__TARGET=host:7443) and by --set.

    Examples:
        slimstream edge --config /etc/slimstream/edge.yaml
        slimstream edge --config edge.yaml --set link.target=localhost:7443
        slimstream edge --config edge.yaml --print-config
    """
    if is_for_subcommand(context, has_options=bool(config or settings or print_config or until_done)):
        return
    if print_config:
        show_config(load_agent_config(config, settings))
    else:
        run(config, settings, until_done)


@app.command()
def run(config: ConfigFile = None, settings: Settings = None, until_done: UntilDone = False) -> None:
    """Run until SIGTERM or Ctrl-C; what is not acknowledged by then stays in the ring.

    Examples:
        slimstream edge run --config edge.yaml
        slimstream edge run --config edge.yaml --until-done
    """
    # Idle threads of OpenMP must sleep: a device has other work. Read when the library is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    loaded = load_agent_config(config, settings)
    from edge.memory import bound_memory, leave_scipy_out

    leave_scipy_out()
    from edge.agent import run_agent
    from runtime.logs import configure_logs

    bound_memory()
    configure_logs(loaded.log.level, loaded.log.format)
    asyncio.run(run_agent(loaded, until_done=until_done))


@app.command()
def validate(config: ConfigFile = None, settings: Settings = None) -> None:
    """Check a configuration, its model and its credentials, without opening a camera.

    Examples:
        slimstream edge validate --config edge.yaml
    """
    from edge.model import load_codec
    from runtime.credentials import call_metadata, channel_credentials

    loaded = load_agent_config(config, settings)
    codec = load_codec(loaded)
    channel_credentials(loaded.link.security, loaded.link.target)
    call_metadata(loaded.link.security)
    cameras = ", ".join(loaded.cameras)
    typer.echo(
        f"agent {loaded.agent}: cameras {cameras}; model {codec.package.name} on {', '.join(codec.providers)}"
    )


def load_agent_config(path: Path | None, settings: list[str] | None) -> AgentConfig:
    """Read the file, the environment and the flags; raise ConfigError."""
    return load_config(AgentConfig, path, env_prefix=ENV_PREFIX, overrides=settings or [])
