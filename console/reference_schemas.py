"""Reference pages that come from schemas: configuration of edge and cloud, every metric, reports."""

import json

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from cloud.config import CloudConfig
from cloud.metrics import GatewayMetrics, StoreMetrics, WorkerMetrics
from edge.config import AgentConfig
from edge.metrics import EdgeMetrics
from runtime.config import schema_markdown
from shared_models.evaluation.schema import json_schema

_HEAD = "<!-- Written by `make docs` from the code: change the text beside the field, not this page. -->\n"
_METRICS_INTRO = """\
Both processes serve Prometheus metrics over HTTP on `metrics.host` and `metrics.port`, loopback unless told
otherwise. Times are in seconds, sizes in bytes. A counter's name ends in `_total`; a histogram also has
`_bucket`, `_sum` and `_count`. `deploy/grafana` has a dashboard of them and `deploy/prometheus` alerts.
"""


def schema_pages() -> dict[str, str]:
    """Return the text of each page by its file name."""
    return {
        "config-edge.md": _HEAD + _edge_page(),
        "config-cloud.md": _HEAD + schema_markdown(CloudConfig, "Configuration of the cloud"),
        "metrics.md": _HEAD + metrics_page(),
        "evaluation-schema.json": json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n",
    }


def _edge_page() -> str:
    """Return the edge's configuration, without the name of the machine that writes the page."""
    page = schema_markdown(AgentConfig, "Configuration of the edge")
    host = AgentConfig.model_fields["agent"].get_default(call_default_factory=True)
    return page.replace(f"| `agent` | text | `{host}` |", "| `agent` | text | the host's name |")


def metrics_page() -> str:
    """Return a table of every metric for each part, in the order of the code."""
    registry = CollectorRegistry()
    parts: dict[str, object] = {
        "Edge": EdgeMetrics(registry),
        "Cloud: what comes in": GatewayMetrics(registry),
        "Cloud: what is made of it": WorkerMetrics(registry),
        "Cloud: what is kept": StoreMetrics(registry),
    }
    sections = [f"## {title}\n\n{_table(metrics)}" for title, metrics in parts.items()]
    return "\n".join(["# Metrics\n", _METRICS_INTRO, *sections])


def _table(owner: object) -> str:
    rows = [_row(metric) for metric in vars(owner).values() if isinstance(metric, MetricWrapperBase)]
    return "\n".join(["| metric | type | labels | meaning |", "|---|---|---|---|", *rows, ""])


def _row(metric: MetricWrapperBase) -> str:
    (family,) = metric.describe()
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels = ", ".join(f"`{label}`" for label in metric._labelnames)
    return f"| `{name}` | {family.type} | {labels} | {family.documentation} |"
