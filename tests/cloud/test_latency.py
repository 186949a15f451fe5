"""Where the time went, on one clock."""

from cloud.latency import UNKNOWN_US, WorkTimes, latency_chain
from slimstream.v1.frame_pb2 import CaptureTime
from slimstream.v1.store_pb2 import StoredLayer

MS = 1_000_000
TIMES = WorkTimes(stored_ns=30 * MS, claimed_ns=35 * MS, finished_ns=50 * MS, decode_us=4000, path_us=9000)


def test_the_chain_adds_up_once_the_edge_clock_is_corrected() -> None:
    layer = StoredLayer(
        time=CaptureTime(capture_ns=1_000 * MS),  # the device is 990 ms ahead of the cloud
        received_ns=25 * MS,
        clock_offset_ns=-990 * MS,
        clock_uncertainty_ns=2 * MS,
        encode_us=1500,
    )
    chain = latency_chain(layer, TIMES)
    assert (chain.uplink_us, chain.uplink_uncertainty_us) == (15_000, 2000)
    assert (chain.encode_us, chain.store_us, chain.queue_us) == (1500, 5000, 5000)
    assert (chain.decode_us, chain.path_us, chain.total_us) == (4000, 9000, 40_000)


def test_without_a_measured_offset_the_uncertainty_says_so() -> None:
    layer = StoredLayer(time=CaptureTime(capture_ns=0), received_ns=25 * MS)
    assert latency_chain(layer, TIMES).uplink_uncertainty_us == UNKNOWN_US


def test_a_wall_clock_that_was_set_back_gives_no_negative_times() -> None:
    layer = StoredLayer(time=CaptureTime(capture_ns=0), received_ns=90 * MS)
    chain = latency_chain(layer, TIMES)
    assert (chain.store_us, chain.queue_us) == (0, 5000)
