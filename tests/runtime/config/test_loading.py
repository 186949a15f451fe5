"""From file, environment and flags to one checked configuration, or to one clear sentence."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, SecretStr, ValidationError

from runtime.config import ByteSize, ConfigSection, DurationSeconds, load_config
from shared_models.errors import ConfigError


class Ring(ConfigSection):
    """Where frames are kept."""

    budget_bytes: ByteSize = Field(default=2**30, ge=2**20)
    sync_interval_s: DurationSeconds = 1.0


class Rtsp(ConfigSection):
    """A network camera."""

    kind: Literal["rtsp"]
    url: str
    password: SecretStr | None = None
    fps: float | None = Field(default=None, gt=0, le=60)


class Files(ConfigSection):
    """Pictures in a directory."""

    kind: Literal["files"]
    path: Path


class Agent(ConfigSection):
    """An agent."""

    name: str = "agent"
    ring: Ring = Ring()
    cameras: dict[str, Annotated[Rtsp | Files, Field(discriminator="kind")]] = Field(default_factory=dict)
    masks: list[list[int]] = Field(default_factory=list)


Load = Callable[..., Agent]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str | None = None, *overrides: str, **environment: str) -> Agent:
        path = None
        if text is not None:
            path = tmp_path / "agent.yaml"
            path.write_text(text)
        return load_config(
            Agent, path, env_prefix="SLIMSTREAM_EDGE", overrides=overrides, environment=environment
        )

    return load


def test_without_a_file_everything_has_its_default(load: Load) -> None:
    assert load() == Agent()
    assert load("") == Agent()


def test_flags_win_over_the_environment_and_that_over_the_file(load: Load) -> None:
    text = "name: file\nring: {budget_bytes: 2MiB, sync_interval_s: 1h}"
    environment = {
        "SLIMSTREAM_EDGE__NAME": "environment",
        "SLIMSTREAM_EDGE__RING__BUDGET_BYTES": "3MiB",
        "SLIMSTREAM_CLOUD__NAME": "somebody else's",
    }
    agent = load(text, "name=flag", **environment)
    assert (agent.name, agent.ring.budget_bytes, agent.ring.sync_interval_s) == ("flag", 3 * 2**20, 3600.0)


def test_a_camera_can_be_given_by_flag_or_environment_alone(load: Load) -> None:
    agent = load(None, "cameras.gate={kind: rtsp, url: 'rtsp://10.0.0.7/live'}", "cameras.gate.fps=5")
    assert agent.cameras["gate"] == Rtsp(kind="rtsp", url="rtsp://10.0.0.7/live", fps=5)
    agent = load(
        None, SLIMSTREAM_EDGE__CAMERAS__YARD__KIND="files", SLIMSTREAM_EDGE__CAMERAS__YARD__PATH="/x"
    )
    assert agent.cameras == {"yard": Files(kind="files", path=Path("/x"))}


def test_capitals_in_the_environment_find_names_in_any_case(load: Load) -> None:
    text = "cameras: {Gate-1: {kind: rtsp, url: a}}"
    agent = load(text, **{"SLIMSTREAM_EDGE__CAMERAS__GATE-1__URL": "b"})
    assert agent.cameras == {"Gate-1": Rtsp(kind="rtsp", url="b")}


def test_a_password_of_digits_stays_text(load: Load) -> None:
    text = "cameras: {gate: {kind: rtsp, url: a}}"
    agent = load(text, SLIMSTREAM_EDGE__CAMERAS__GATE__PASSWORD="0123")
    camera = agent.cameras["gate"]
    assert isinstance(camera, Rtsp)
    assert camera.password is not None
    assert camera.password.get_secret_value() == "0123"


def test_null_takes_a_value_back(load: Load) -> None:
    agent = load("cameras: {gate: {kind: rtsp, url: a, fps: 5}}", "cameras.gate.fps=null")
    assert agent.cameras["gate"] == Rtsp(kind="rtsp", url="a")


def test_positions_of_a_list_can_be_set_and_added(load: Load) -> None:
    agent = load("masks: [[1, 2], [3, 4]]", "masks.0.1=9", "masks.2=[5]")
    assert agent.masks == [[1, 9], [3, 4], [5]]
    with pytest.raises(ConfigError, match="no position in a list of 2"):
        load("masks: [[1, 2], [3, 4]]", "masks.7=[5]")


def test_a_configuration_cannot_be_changed_once_it_is_checked(load: Load) -> None:
    with pytest.raises(ValidationError):
        load().name = "other"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "ring:\n  budget_byts: 3MB",
            "agent.yaml:2: unknown key ring.budget_byts; did you mean budget_bytes?",
        ),
        (
            "ring:\n  colour: red",
            "agent.yaml:2: unknown key ring.colour; known here: budget_bytes, sync_interval_s",
        ),
        (
            "name: x\nring:\n  budget_bytes: 3 parsecs",
            "agent.yaml:3: ring.budget_bytes is '3 parsecs'; write a size such as 500MB or 1GiB",
        ),
        (
            "ring: {budget_bytes: 5}",
            "agent.yaml:1: ring.budget_bytes is 5; it should be greater than or equal to",
        ),
        ("ring: {budget_bytes: 1.5.2GiB}", "write a size such as"),
        ("ring: {sync_interval_s: -1}", "ring.sync_interval_s is -1; write a duration such as"),
        ("name: [a]", "agent.yaml:1: name is a list; it should be a valid string"),
        ("ring: 7", "agent.yaml:1: ring is 7; it should be a section, with keys of its own"),
        ("cameras:\n  a:\n    kind: rtsp", "agent.yaml:2: cameras.a.url is missing; add it"),
        (
            "cameras:\n  a:\n    kind: rtsp\n    url: u\n    fps: 99",
            "agent.yaml:5: cameras.a.fps is 99; it should",
        ),
        (
            "cameras:\n  a:\n    kind: usb",
            "agent.yaml:3: cameras.a.kind is 'usb'; it should be one of 'rtsp', 'files'",
        ),
        ("cameras:\n  a: {}", "agent.yaml:2: cameras.a.kind is missing; add it"),
        ("cameras:\n  a: {kind: rtsp, url: u, fps: fast}", "fps is 'fast'; it should be a valid number"),
        ("name: a\nname: b", "agent.yaml:2: the key 'name' is given twice; keep one"),
        ("name: [", "agent.yaml:1: not valid YAML"),
        ("a: b: c", "agent.yaml:1: not valid YAML"),
        ("name: !!python/object:os.system x", "agent.yaml"),
        ("- a\n- b", "agent.yaml: a configuration is a mapping"),
        ("? [a, b]\n: c", "agent.yaml:1: a key must be a plain word"),
    ],
)
def test_every_error_names_place_key_value_and_remedy(load: Load, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert message in str(caught.value)


def test_errors_in_environment_and_flags_name_them(load: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        load("name: x", "ring.sync_interval_s=soon", SLIMSTREAM_EDGE__RIG="1")
    assert str(caught.value).splitlines() == [
        "--set ring.sync_interval_s: ring.sync_interval_s is 'soon'; "
        "write a duration such as 250ms, 10s or 2h",
        "environment variable SLIMSTREAM_EDGE__RIG: unknown key rig; did you mean ring?",
    ]


@pytest.mark.parametrize("flag", ["ring", "=3", "ring..x=3", ".=1"])
def test_a_flag_that_names_no_key_says_how_to_write_one(load: Load, flag: str) -> None:
    with pytest.raises(ConfigError, match=r"write it as key\.path=value"):
        load(None, flag)


def test_a_flag_cannot_reach_into_a_plain_value(load: Load) -> None:
    with pytest.raises(ConfigError, match="cannot be set inside"):
        load("name: x", "name.first=y")


def test_many_errors_are_shown_up_to_a_limit(load: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        load("\n".join(f"key{i}: 1" for i in range(15)))
    lines = str(caught.value).splitlines()
    assert len(lines) == 11
    assert lines[-1] == "and 5 more"


def test_secrets_are_not_repeated_in_errors(load: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        load(
            "cameras: {a: {kind: rtsp, url: ['rtsp://u:hunter2@h/'], password: [hunter3],"
            " fps: 'rtsp://u:hunter4@h'}}"
        )
    assert "hunter" not in str(caught.value)


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the configuration .*none\.yaml: No such file"):
        load_config(Agent, tmp_path / "none.yaml", env_prefix="X")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(Agent, tmp_path / "latin.yaml", env_prefix="X")


def test_aliases_of_aliases_do_not_fill_the_memory(load: Load) -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for name, previous in zip("bcdefgh", "abcdefg", strict=True):
        bomb += f"{name}: &{name} [{', '.join([f'*{previous}'] * 9)}]\n"
    with pytest.raises(ConfigError, match="aliases"):
        load(bomb)


@settings(max_examples=40)
@given(st.text(max_size=60))
def test_any_text_is_a_configuration_or_a_config_error(text: str) -> None:
    for overrides in ([], [f"name={text}"], [text]):
        with contextlib.suppress(ConfigError):
            load_config(Agent, None, env_prefix="X", overrides=overrides, environment={})
