"""The `slimstream cloud` command: what it shows, checks and refuses."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cloud.cli import app, load_cloud_config, parse_roles
from cloud.config import Role
from shared_models.errors import ConfigError
from shared_models.packages.package import ModelPackage

runner = CliRunner()


def test_the_configuration_is_shown_with_its_defaults() -> None:
    shown = runner.invoke(app, ["--print-config", "--set", "limits.streams=7"])
    assert shown.exit_code == 0
    tree = yaml.safe_load(shown.stdout)
    assert tree["listen"]["address"] == "127.0.0.1:7443"
    assert tree["limits"]["streams"] == 7


def test_options_before_the_command_are_not_passed_over_in_silence() -> None:
    for options in (["--set", "limits.streams=7"], ["--roles", "api"], ["--config", "cloud.yaml"]):
        checked = runner.invoke(app, [*options, "validate"])
        assert isinstance(checked.exception, ConfigError)
        assert "`slimstream cloud validate --config" in str(checked.exception)


def test_a_good_configuration_is_called_good(dct_package: ModelPackage) -> None:
    checked = runner.invoke(app, ["validate", "--set", f"worker.models=[{dct_package.path}]"])
    assert checked.exit_code == 0
    assert dct_package.fingerprint.hex() in checked.stdout


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("limits.window_bytes=128KiB", "must hold two messages"),
        ("store.budget_bytes=1MiB", "less than eight segments"),
        ("limits.layer_bytes=64MiB", "a pulled layer may have"),
        ("listen.address=0.0.0.0:7443", "certificate_file"),
        ("worker.models=[no-such-model]", "no-such-model"),
        ("worker.paths=[preview]", "pictures on request"),
        ("worker.paths=[guess]", "there is no path 'guess'"),
        ("workers.paths=[detect]", "unknown key workers"),
        ("worker.providers=[abacus]", "abacus"),
    ],
)
def test_each_mistake_has_its_sentence(dct_package: ModelPackage, setting: str, sentence: str) -> None:
    checked = runner.invoke(
        app, ["validate", "--set", f"worker.models=[{dct_package.path}]", "--set", setting]
    )
    assert checked.exit_code != 0
    assert sentence in str(checked.exception)


def test_the_file_is_overridden_by_the_environment_and_that_by_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cloud.yaml"
    file.write_text("limits: {streams: 1, cameras_per_agent: 1, deliveries: 1}\n")
    monkeypatch.setenv("SLIMSTREAM_CLOUD__LIMITS__STREAMS", "2")
    monkeypatch.setenv("SLIMSTREAM_CLOUD__LIMITS__CAMERAS_PER_AGENT", "2")
    limits = load_cloud_config(file, ["limits.streams=3"]).limits
    assert (limits.streams, limits.cameras_per_agent, limits.deliveries) == (3, 2, 1)


def test_roles_are_read_and_unknown_ones_refused() -> None:
    assert parse_roles("gateway, api") == {Role.GATEWAY, Role.API}
    for text in ("gateway,chef", "", ","):
        with pytest.raises(ConfigError):
            parse_roles(text)


def test_the_installed_paths_are_listed() -> None:
    listed = runner.invoke(app, ["paths"])
    assert {"detect", "classify", "preview", "reconstruct"} <= set(listed.stdout.split())
