"""Prometheus metrics: a registry that names them our way, and a server for them on a port of its own.

Names are `slimstream_<part>_<what>_<unit>`; times are in seconds and sizes in bytes, whatever the code uses.
"""

from collections.abc import Sequence
from threading import Thread
from typing import Final
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    start_http_server,
)
from pydantic import Field

from runtime.config import ConfigSection
from shared_models.errors import ConfigError

LATENCY_BUCKETS_S: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
SIZE_BUCKETS_BYTES: Final = tuple(float(64 << shift) for shift in range(0, 18, 1))
"""64 bytes to 8 MiB, doubling."""


class MetricsConfig(ConfigSection):
    """Prometheus metrics."""

    enabled: bool = True
    """Whether they are served."""
    host: str = "127.0.0.1"
    """Where to listen; loopback unless told otherwise."""
    port: int = Field(default=9464, ge=0, le=65535)
    """0 takes any free port."""


class Metrics:
    """The metrics of one part of one process, e.g. `edge`; nothing is global, so tests may have many.

    A registry may be shared between parts that run in one process.
    """

    def __init__(self, part: str, registry: CollectorRegistry | None = None) -> None:
        """Name every metric `slimstream_<part>_…`."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they would double the number of series and tell nothing
        self.part = part
        self.registry = registry or CollectorRegistry()

    def counter(self, what: str, help_text: str, labels: Sequence[str] = ()) -> Counter:
        """Return a counter named `slimstream_<part>_<what>_total`."""
        return Counter(self._name(what), help_text, labels, registry=self.registry)

    def gauge(self, what: str, help_text: str, labels: Sequence[str] = ()) -> Gauge:
        """Return a gauge named `slimstream_<part>_<what>`; `what` ends in its unit."""
        return Gauge(self._name(what), help_text, labels, registry=self.registry)

    def histogram(
        self,
        what: str,
        help_text: str,
        labels: Sequence[str] = (),
        buckets: Sequence[float] = LATENCY_BUCKETS_S,
    ) -> Histogram:
        """Return a histogram named `slimstream_<part>_<what>`; `what` ends in `_seconds` or `_bytes`."""
        return Histogram(self._name(what), help_text, labels, registry=self.registry, buckets=buckets)

    def _name(self, what: str) -> str:
        return f"slimstream_{self.part}_{what}"


class MetricsServer:
    """Serves `/metrics` over HTTP until closed."""

    def __init__(self, registry: CollectorRegistry, port: int, host: str = "127.0.0.1") -> None:
        """Listen on `host`, loopback unless told otherwise, and `port`; 0 takes any free one.

        Raises:
            ConfigError: the address cannot be listened on.
        """
        try:
            started: tuple[WSGIServer, Thread] = start_http_server(port, host, registry)
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f"cannot serve metrics on {host}:{port}: {error}; choose another metrics port"
            ) from error
        self._server, self._thread = started
        self.host = host
        self.port = int(self._server.server_port)

    @property
    def url(self) -> str:
        """Where the metrics are."""
        return f"http://{self.host}:{self.port}/metrics"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
