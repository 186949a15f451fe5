"""Where the time of a frame went, on the cloud's clock. Pure functions of the moments."""

from dataclasses import dataclass
from typing import Final

from slimstream.v1.control_pb2 import LatencyChain
from slimstream.v1.store_pb2 import StoredLayer

UNKNOWN_US: Final = 2**32 - 1
"""Uncertainty of a latency across two clocks whose offset was never measured; also the largest there is."""


@dataclass(frozen=True, slots=True)
class WorkTimes:
    """What happened to a frame in the cloud; moments are Unix time, `stored_ns` is 0 if it is not known."""

    stored_ns: int
    claimed_ns: int
    finished_ns: int
    decode_us: int
    path_us: int


def latency_chain(layer: StoredLayer, times: WorkTimes) -> LatencyChain:
    """Return the chain from capture to result; the edge's clock is corrected by the stream's offset."""
    captured_ns = layer.time.capture_ns + layer.clock_offset_ns  # an offset that is not known counts as 0
    is_known = layer.HasField("clock_offset_ns")
    uncertainty_us = min(UNKNOWN_US, layer.clock_uncertainty_ns // 1000) if is_known else UNKNOWN_US
    queued_ns = times.stored_ns or layer.received_ns
    return LatencyChain(
        encode_us=layer.encode_us,
        uplink_us=(layer.received_ns - captured_ns) // 1000,
        uplink_uncertainty_us=uncertainty_us,
        store_us=_between_us(layer.received_ns, queued_ns),
        queue_us=_between_us(queued_ns, times.claimed_ns),
        decode_us=times.decode_us,
        path_us=times.path_us,
        total_us=(times.finished_ns - captured_ns) // 1000,
    )


def _between_us(start_ns: int, end_ns: int) -> int:
    """Microseconds from start to end; 0 where the wall clock was set back in between."""
    return min(UNKNOWN_US, max(0, end_ns - start_ns) // 1000)
