"""Names of metrics, and the server that shows them."""

import urllib.request

import pytest
from prometheus_client import generate_latest

from runtime.metrics import SIZE_BUCKETS_BYTES, Metrics, MetricsServer
from shared_models.errors import ConfigError


def text_of(metrics: Metrics) -> str:
    return generate_latest(metrics.registry).decode()


def test_names_say_part_and_unit() -> None:
    metrics = Metrics("edge")
    metrics.counter("frames", "Frames captured.", ["camera"]).labels("gate").inc()
    metrics.gauge("ring_bytes", "Bytes held.").set(7)
    metrics.histogram("payload_bytes", "Payload sizes.", buckets=SIZE_BUCKETS_BYTES).observe(100)
    text = text_of(metrics)
    assert 'slimstream_edge_frames_total{camera="gate"} 1.0' in text
    assert "slimstream_edge_ring_bytes 7.0" in text
    assert 'slimstream_edge_payload_bytes_bucket{le="128.0"} 1.0' in text


def test_two_processes_in_one_test_do_not_share_metrics() -> None:
    first, second = Metrics("edge"), Metrics("edge")
    first.counter("frames", "Frames.").inc()
    second.counter("frames", "Frames.")
    assert "slimstream_edge_frames_total 1.0" in text_of(first)
    assert "slimstream_edge_frames_total 0.0" in text_of(second)


def test_parts_of_one_process_may_share_a_registry() -> None:
    gateway = Metrics("gateway")
    Metrics("store", gateway.registry).gauge("segments", "Files.").set(3)
    assert "slimstream_store_segments 3.0" in text_of(gateway)


def test_metrics_are_served_on_loopback() -> None:
    metrics = Metrics("edge")
    metrics.counter("frames", "Frames.").inc(5)
    server = MetricsServer(metrics.registry, port=0)
    with urllib.request.urlopen(server.url) as answer:
        assert b"slimstream_edge_frames_total 5.0" in answer.read()
    with pytest.raises(ConfigError, match=f"127.0.0.1:{server.port}"):
        MetricsServer(metrics.registry, port=server.port)
    server.close()
