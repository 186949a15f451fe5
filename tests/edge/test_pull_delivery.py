"""Pulls on their way through the agent: what a gateway asks for is bounded."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.metrics import EdgeMetrics
from edge.pull_delivery import ASKED_MAX, PullDelivery
from edge.pulls import PullAnswer, PullRequest
from edge.ring import Ring
from runtime.clock import ManualClock
from runtime.segment_log.options import SegmentLogOptions
from shared_models.errors import NotHeldError
from slimstream.v1 import frame_pb2, ingest_pb2


class NothingHeld:
    """Has no frame."""

    def answer(self, request: PullRequest) -> PullAnswer:
        raise NotHeldError(f"{request.frame_id} is not here")

    def release(self) -> None:
        pass


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[Ring]:
    opened = Ring.open(tmp_path / "ring", SegmentLogOptions(1 << 16, 1 << 20), ["cam"], ManualClock())
    yield opened
    opened.close()


async def test_a_gateway_that_asks_without_end_fills_no_memory_and_is_counted(ring: Ring) -> None:
    metrics = EdgeMetrics()
    delivery = PullDelivery(NothingHeld(), ring, 4, metrics)
    for number in range(ASKED_MAX + 10):
        delivery.request(ingest_pb2.Pull(pull_id=str(number), layer=frame_pb2.LAYER_SOURCE))
    delivery.close()
    labels = {"layer": "source", "result": "passed_over"}
    assert metrics.registry.get_sample_value("slimstream_edge_pulls_total", labels) == 10
