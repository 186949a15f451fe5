import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from cloud.metrics import GatewayMetrics, StoreMetrics, WorkerMetrics
from edge.metrics import EdgeMetrics

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana/dashboards/slimstream.json").read_text())
ALERTS = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())
SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}


def names_in_the_code() -> set[str]:
    registry = CollectorRegistry()
    for metrics in (EdgeMetrics, GatewayMetrics, WorkerMetrics, StoreMetrics):
        metrics(registry)
    return {family.name + suffix for family in registry.collect() for suffix in SUFFIXES[family.type]}


def names_in(text: str) -> set[str]:
    return set(re.findall(r"slimstream_[a-z_]+", text))


def expressions() -> list[str]:
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    variables = [variable["definition"] for variable in DASHBOARD["templating"]["list"]]
    rules = [rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]]
    return [*panels, *variables, *rules]


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_that_is_shown_or_alerted_on_exists(expression: str) -> None:
    shown = names_in(expression)
    assert shown, "an expression without a metric shows nothing"
    assert shown <= names_in_the_code()


def test_panels_have_their_own_ids_and_places_and_use_the_provisioned_datasource() -> None:
    provisioned = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())
    uid = provisioned["datasources"][0]["uid"]
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {panel["datasource"]["uid"] for panel in panels if panel["type"] != "row"} == {uid}
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])}
        assert not cells & taken, f"{panel['title']} lies on another panel"
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_both_parts_are_shown() -> None:
    shown = {name.split("_")[1] for expression in expressions() for name in names_in(expression)}
    assert shown == {"edge", "cloud"}
