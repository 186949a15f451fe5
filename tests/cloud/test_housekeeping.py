"""What is done now and then: old segments go, and the metrics say what is kept."""

from pathlib import Path

from prometheus_client import CollectorRegistry

from cloud.housekeeping import Housekeeping
from cloud.metrics import StoreMetrics
from cloud.storage import frame_queries
from cloud.storage.store import Store, StoreOptions
from runtime.clock import ManualClock, SystemClock
from tests.cloud.storage.entries import PATIENCE_S, base

DAY_S = 86_400


def test_segments_that_are_too_old_are_given_up_and_forgotten(tmp_path: Path) -> None:
    registry, clock = CollectorRegistry(), ManualClock(wall_ns=SystemClock().wall_ns())
    with Store.open(StoreOptions(tmp_path, segment_bytes=64 << 10)) as store:
        for future in [store.submit(base(seq, size_bytes=2000)) for seq in range(100)]:
            future.result(timeout=PATIENCE_S)
        keeper = Housekeeping(store, DAY_S, StoreMetrics(registry), clock)
        keeper.tidy()
        assert registry.get_sample_value("slimstream_cloud_store_records", {"log": "packets"}) == 100
        clock.advance(2 * DAY_S * 10**9)
        keeper.tidy()
        with store.reading() as connection:
            left = list(frame_queries.frames_between(connection, "door", 0, 2**62, 1000))
        assert 0 < len(left) < 40, "the newest segment stays"
        assert left[-1].frame_id.seq == 99
        evicted = registry.get_sample_value("slimstream_cloud_store_evicted_records", {"log": "packets"})
        assert evicted == 100 - len(left)
