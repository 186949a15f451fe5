"""`slimstream edge`: show, check; running is tested with the agent."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge.cli import app
from shared_models.errors import ConfigError, ModelError
from shared_models.packages.package import ModelPackage

YAML = "agent: a\nring: {directory: DIR}\ncameras: {cam: {source: {kind: file, path: a.mp4}}}\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "edge.yaml"
    path.write_text(YAML.replace("DIR", str(tmp_path / "ring")))
    return path


def test_print_config_shows_every_default_and_can_be_read_again(config: Path, tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["--config", str(config), "--print-config"])
    assert shown.exit_code == 0
    assert "frames_per_second: 5.0" in shown.output
    again = tmp_path / "again.yaml"
    again.write_text(shown.output)
    assert CliRunner().invoke(app, ["--config", str(again), "--print-config"]).output == shown.output


def test_a_configuration_before_the_command_is_not_passed_over_in_silence(config: Path) -> None:
    result = CliRunner().invoke(app, ["--config", str(config), "validate"])
    assert isinstance(result.exception, ConfigError)
    assert "`slimstream edge validate --config" in str(result.exception)


def test_validate_loads_the_model_and_opens_no_camera(config: Path, dct_package: ModelPackage) -> None:
    result = CliRunner().invoke(
        app, ["validate", "--config", str(config), "--set", f"encoder.package={dct_package.path}"]
    )
    assert result.exit_code == 0, result.output
    assert "cameras cam; model dct on CPUExecutionProvider" in result.output


def test_validate_names_a_width_that_the_model_does_not_have(config: Path, dct_package: ModelPackage) -> None:
    settings = ["--set", f"encoder.package={dct_package.path}", "--set", "cameras.cam.width=0.3"]
    result = CliRunner().invoke(app, ["validate", "--config", str(config), *settings])
    assert isinstance(result.exception, ConfigError)
    assert "cameras.cam.width is 0.3" in str(result.exception)


def test_validate_refuses_a_model_that_is_not_there(config: Path) -> None:
    result = CliRunner().invoke(app, ["validate", "-c", str(config), "--set", "encoder.package=nothing"])
    assert isinstance(result.exception, ModelError)


def test_validate_refuses_a_token_file_that_is_not_there(config: Path, dct_package: ModelPackage) -> None:
    settings = [f"encoder.package={dct_package.path}", "link.security.token_file=/nowhere/token"]
    arguments = [argument for setting in settings for argument in ("--set", setting)]
    result = CliRunner().invoke(app, ["validate", "-c", str(config), *arguments])
    assert isinstance(result.exception, ConfigError)
    assert "/nowhere/token" in str(result.exception)
