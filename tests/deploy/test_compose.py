import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OURS = ("credentials", "cloud", "edge")
YAMLLINT_RULES = "{extends: default, rules: {document-start: disable, line-length: {max: 110}}}"


def run(tool: str, *arguments: str) -> tuple[int, str]:
    program = shutil.which(tool, path=Path(sys.executable).parent) or shutil.which(tool)
    if program is None:
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_compose_file_follows_the_compose_specification() -> None:
    code, said = run("check-jsonschema", "--builtin-schema=vendor.compose-spec", str(DEPLOY / "compose.yaml"))
    assert code == 0, said


def test_yamllint_finds_nothing() -> None:
    assert run("yamllint", "--strict", "-d", YAMLLINT_RULES, str(DEPLOY)) == (0, "")


def test_promtool_accepts_the_scrapes_and_the_alerts() -> None:
    code, said = run("promtool", "check", "config", str(DEPLOY / "prometheus" / "prometheus.yml"))
    assert code == 0, said


def test_the_script_that_makes_credentials_is_sound_shell() -> None:
    script = str(DEPLOY / "docker" / "credentials.sh")
    assert run("sh", "-n", script) == (0, "")
    assert run("shellcheck", script) == (0, "")


def test_every_file_that_is_mounted_or_built_exists() -> None:
    for service in COMPOSE["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), source
            elif not source.startswith("$"):
                assert source in COMPOSE["volumes"], source
        if "build" in service:
            assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_nothing_is_published_beyond_loopback() -> None:
    for service in COMPOSE["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_services_run_with_as_little_as_they_need(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    if name == "credentials":
        assert service["network_mode"] == "none", "what runs as root reaches nobody"
    else:
        assert "user" not in service, "the images' own users are not root"


def test_the_agent_holds_neither_the_gateways_key_nor_the_authority() -> None:
    mounted = {volume.split(":")[0] for volume in COMPOSE["services"]["edge"]["volumes"]}
    assert not mounted & {"authority", "gateway-credentials"}
    given = (DEPLOY / "docker" / "credentials.sh").read_text()
    assert "give /agent ca.pem compose.token\n" in given
