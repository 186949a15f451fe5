"""The configurations in deploy/ are valid, and agree with what starts and scrapes the processes."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cloud.config import CloudConfig
from edge.config import AgentConfig
from runtime.config import load_config

DEPLOY = Path(__file__).parents[2] / "deploy"
CONFIG = DEPLOY / "config"


def edge(name: str) -> AgentConfig:
    return load_config(AgentConfig, CONFIG / name, env_prefix="SLIMSTREAM_EDGE", environment={})


def cloud(name: str) -> CloudConfig:
    return load_config(CloudConfig, CONFIG / name, env_prefix="SLIMSTREAM_CLOUD", environment={})


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return loaded


def scraped() -> dict[str, str]:
    jobs = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    return {job["job_name"]: job["static_configs"][0]["targets"][0] for job in jobs}


def test_the_agent_of_the_compose_file_reaches_its_gateway() -> None:
    port = cloud("compose-cloud.yaml").listen.address.rpartition(":")[2]
    assert edge("compose-edge.yaml").link.target == f"cloud:{port}"
    assert compose()["services"]["cloud"]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_prometheus_scrapes_what_is_served() -> None:
    for metrics, target in (
        (edge("compose-edge.yaml").metrics, scraped()["slimstream-edge"]),
        (cloud("compose-cloud.yaml").metrics, scraped()["slimstream-cloud"]),
    ):
        assert metrics.enabled
        assert metrics.host == "0.0.0.0"
        assert target.endswith(f":{metrics.port}")


@pytest.mark.parametrize("role", ["edge", "cloud"])
def test_an_image_asks_the_metrics_for_its_health(role: str) -> None:
    dockerfile = (DEPLOY / "docker" / f"{role}.Dockerfile").read_text()
    port = (edge if role == "edge" else cloud)(f"{role}.yaml").metrics.port
    assert f"http://127.0.0.1:{port}/metrics" in dockerfile
    assert f" {port}\n" in dockerfile.partition("EXPOSE")[2]


def test_the_services_keep_their_state_where_systemd_lets_them() -> None:
    assert edge("edge.yaml").ring.directory.is_relative_to("/var/lib/slimstream-edge")
    assert cloud("cloud.yaml").store.directory.is_relative_to("/var/lib/slimstream-cloud")


@pytest.mark.parametrize("role", ["edge", "cloud"])
def test_secrets_come_as_credentials_that_the_unit_loads(role: str) -> None:
    unit = (DEPLOY / "systemd" / f"slimstream-{role}.service").read_text()
    loaded = {line.split("=")[1].split(":")[0] for line in unit.splitlines() if line.startswith("LoadCred")}
    secret = edge("edge.yaml").link.security.token_file if role == "edge" else None
    secret = secret or cloud("cloud.yaml").security.private_key_file
    assert secret is not None
    assert secret.parent == Path(f"/run/credentials/slimstream-{role}.service")
    assert secret.name in loaded


def test_nothing_is_sent_or_served_in_plaintext() -> None:
    for name in ("edge.yaml", "compose-edge.yaml"):
        assert not edge(name).link.security.insecure
    for name in ("cloud.yaml", "compose-cloud.yaml"):
        assert not cloud(name).security.insecure
        assert cloud(name).security.certificate_file is not None
