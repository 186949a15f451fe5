"""What is done now and then: give up what is too old, say in numbers what is kept."""

import threading
from typing import Final

from cloud.metrics import StoreMetrics
from cloud.storage.retention import expired_segments
from cloud.storage.store import Store
from runtime.clock import Clock
from runtime.logs import get_logger
from shared_models.errors import StorageError

_INTERVAL_S: Final = 5.0
_log = get_logger("cloud.store")


class Housekeeping:
    """One thread's work. `run` goes on until `stop` is set."""

    def __init__(self, store: Store, age_s: float | None, metrics: StoreMetrics, clock: Clock) -> None:
        """Keep what is younger than `age_s`; everything without it."""
        self._store = store
        self._age_s = age_s
        self._metrics = metrics
        self._clock = clock

    def run(self, stop: threading.Event) -> None:
        """Tidy now and every few seconds; a disk that fails is tried again."""
        while True:
            try:
                self.tidy()
            except StorageError as error:
                _log.warning("tidying_failed", detail=str(error))
            if stop.wait(_INTERVAL_S):
                return

    def tidy(self) -> None:
        """Give up old segments, take them out of the index and update the metrics."""
        for name, committer in self._store.logs().items():
            if self._age_s is not None:
                age_ns = int(self._age_s * 1e9)
                for number in expired_segments(committer.log.segments(), self._clock.wall_ns(), age_ns):
                    if committer.log.evict_segment(number):
                        _log.info("segment_expired", log=name, segment=number)
            committer.forget_evicted()
        for name, stats in self._store.stats().items():
            self._metrics.size_bytes.labels(log=name).set(stats.size_bytes)
            self._metrics.records.labels(log=name).set(stats.records)
            self._metrics.damaged.labels(log=name).set(stats.damaged)
            self._metrics.evicted.labels(log=name).set(stats.evicted_records)
            self._metrics.sync_errors.labels(log=name).set(stats.sync_errors)
            self._metrics.disk_full.labels(log=name).set(stats.disk_full)
