"""Showing a configuration and its schema."""

from enum import StrEnum
from pathlib import Path

import yaml
from pydantic import Field, SecretStr

from runtime.config import ByteSize, ConfigSection, DurationSeconds, dump_config, load_config, schema_markdown


class Policy(StrEnum):
    NEWEST = "newest"
    ALL = "all"


class Ring(ConfigSection):
    """Where frames are kept."""

    budget_bytes: ByteSize = Field(default=2**30, ge=1)
    """What the ring may take | on disk."""
    sync_interval_s: DurationSeconds | None = 0.25
    """How much a loss of power costs."""


class Camera(ConfigSection):
    """One camera."""

    url: str
    """Where it is."""
    token: SecretStr | None = None
    """Its secret."""


class Agent(ConfigSection):
    """An agent."""

    policy: Policy = Policy.NEWEST
    """What goes first."""
    ring: Ring = Ring()
    """The ring."""
    cameras: dict[str, Camera] = Field(default_factory=dict)
    """Cameras by name."""
    is_verbose: bool = False
    """Say more."""


AGENT = Agent(cameras={"gate": Camera(url="rtsp://u:pw@h/", token=SecretStr("hush"))})


def test_a_dump_shows_everything_but_secrets() -> None:
    shown = yaml.safe_load(dump_config(AGENT))
    assert shown == {
        "policy": "newest",
        "ring": {"budget_bytes": "1GiB", "sync_interval_s": "250ms"},
        "cameras": {"gate": {"url": "rtsp://u:********@h/", "token": "********"}},
        "is_verbose": False,
    }


def test_a_dump_without_secrets_loads_as_the_same_configuration(tmp_path: Path) -> None:
    agent = Agent(cameras={"gate": Camera(url="file")}, ring=Ring(budget_bytes=12345))
    (tmp_path / "a.yaml").write_text(dump_config(agent))
    assert load_config(Agent, tmp_path / "a.yaml", env_prefix="X", environment={}) == agent


def test_the_reference_has_every_key_with_its_meaning() -> None:
    text = schema_markdown(Agent, "The agent's configuration")
    assert text.startswith("# The agent's configuration\n")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows == [
        "| `policy` | `newest` or `all` | `newest` |  | What goes first. |",
        "| `ring` | section | see its section |  | The ring. |",
        "| `cameras` | mapping to section | empty |  | Cameras by name. |",
        "| `is_verbose` | `true` or `false` | `false` |  | Say more. |",
        "| `budget_bytes` | size | `1GiB` | ≥ 1 | What the ring may take \\| on disk. |",
        "| `sync_interval_s` | duration | `250ms` |  | How much a loss of power costs. |",
        "| `url` | text | required |  | Where it is. |",
        "| `token` | secret text | none |  | Its secret. |",
    ]
    assert "## `cameras[]`" in text
    assert "## `ring`" in text
