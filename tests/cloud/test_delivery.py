"""A pulled layer, put together from chunks that come from outside."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.delivery import Delivery, DeliveryLimits
from cloud.pulls import Wanted
from cloud.rejects import RejectedError
from shared_models.bitstream.limits import Limits
from shared_models.frames import FrameId
from slimstream.v1 import frame_pb2
from slimstream.v1.frame_pb2 import LAYER_ENHANCEMENT, LAYER_SOURCE
from slimstream.v1.ingest_pb2 import DeliverRequest
from slimstream.v1.store_pb2 import StoredLayer
from tests.cloud.fake_agent import made_up_packet

FRAME = FrameId("door", 1, 5)
LIMITS = DeliveryLimits(total_bytes_max=10_000, chunk_bytes_max=1000)
BASE = StoredLayer(frame=frame_pb2.FrameId(camera="door", epoch=1, seq=5), agent="agent-1")
PACKET = made_up_packet(b"12345678")


def head(
    data: bytes, layer: frame_pb2.Layer.ValueType = LAYER_SOURCE, **changes: object
) -> DeliverRequest.Head:
    fields = {"pull_id": "x", "frame": BASE.frame, "layer": layer, "total_bytes": len(data)}
    fields |= {"sha256": hashlib.sha256(data).digest()} | changes
    return DeliverRequest.Head(**fields)  # type: ignore[arg-type]


def source(size_bytes: int) -> bytes:
    return b"\xff\xd8\xff" + bytes(size_bytes)


@given(size=st.integers(0, 5000), cut=st.integers(1, 1000))
def test_any_cutting_gives_the_same_layer(size: int, cut: int) -> None:
    data = source(size)
    delivery = Delivery(head(data), Wanted(FRAME, LAYER_SOURCE, None), LIMITS)
    for begin in range(0, len(data), cut):
        delivery.add(data[begin : begin + cut])
    layer, stored = delivery.finish(BASE, PACKET, Limits())
    assert stored == data
    assert (layer.agent, layer.frame.seq, layer.media_type) == ("agent-1", 5, "image/jpeg")


@pytest.mark.parametrize(
    ("changes", "data"),
    [
        ({"total_bytes": 0}, source(10)),
        ({"total_bytes": 20_000}, source(10)),
        ({"total_bytes": 12}, source(10)),
        ({"total_bytes": 14}, source(10)),
        ({"sha256": b""}, source(10)),
        ({"layer": LAYER_ENHANCEMENT}, source(10)),
        ({"frame": frame_pb2.FrameId(camera="door", epoch=1, seq=6)}, source(10)),
        ({}, b"GIF89a"),
    ],
)
def test_a_source_that_is_not_what_was_announced_or_asked_for_is_refused(
    changes: dict[str, object], data: bytes
) -> None:
    with pytest.raises(RejectedError) as rejected:
        _deliver(head(data, **changes), data, LAYER_SOURCE)  # type: ignore[arg-type]
    assert rejected.value.why == "delivery_invalid"


@given(st.binary(min_size=1, max_size=200))
def test_bytes_that_are_no_enhancement_are_refused_by_reason(data: bytes) -> None:
    with pytest.raises(RejectedError):
        _deliver(head(data, LAYER_ENHANCEMENT), data, LAYER_ENHANCEMENT)


def test_a_chunk_that_is_too_large_is_refused() -> None:
    data = source(3000)
    delivery = Delivery(head(data), Wanted(FRAME, LAYER_SOURCE, None), LIMITS)
    with pytest.raises(RejectedError):
        delivery.add(data)


def _deliver(announced: DeliverRequest.Head, data: bytes, wanted: frame_pb2.Layer.ValueType) -> None:
    delivery = Delivery(announced, Wanted(FRAME, wanted, None), LIMITS)
    delivery.add(data)
    delivery.finish(BASE, PACKET, Limits())
