"""The store: what the gateway, the workers and the API read and write by."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from cloud.storage.catch_up import catch_up
from cloud.storage.committer import Committer, Written
from cloud.storage.index import Index
from cloud.storage.records import PACKETS_LOG, RESULTS_LOG, Entry, FailureEntry, ResultEntry
from runtime.segment_log.eviction import EvictedRecord
from runtime.segment_log.log import SegmentLog
from runtime.segment_log.options import SegmentLogOptions
from runtime.segment_log.record import RecordId
from runtime.segment_log.stats import SegmentLogStats
from shared_models.errors import NotHeldError
from slimstream.v1.control_pb2 import Result
from slimstream.v1.store_pb2 import StoredLayer

INDEX_FILE: Final = "index.sqlite"


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Where the store is and how much it may hold, in bytes; None is unbounded."""

    directory: Path
    segment_bytes: int = 64 << 20
    packets_budget_bytes: int | None = None
    results_budget_bytes: int | None = None


class Store:
    """Frames, layers, gaps and results, with their index. Thread-safe."""

    def __init__(self, index: Index, packets: Committer, results: Committer) -> None:
        """Use `open`."""
        self._index = index
        self._committers = {PACKETS_LOG: packets, RESULTS_LOG: results}

    @classmethod
    def open(cls, options: StoreOptions) -> "Store":
        """Open the store in whatever state it was left; the index is level with the segments afterwards.

        Raises:
            StorageError: the directory cannot be used, or another process has it open.
        """
        options.directory.mkdir(parents=True, exist_ok=True)
        index = Index.open(options.directory / INDEX_FILE)
        budgets = {PACKETS_LOG: options.packets_budget_bytes, RESULTS_LOG: options.results_budget_bytes}
        committers: list[Committer] = []
        try:
            for name, budget_bytes in budgets.items():
                committer = Committer(name, _opener(options, name, budget_bytes), index)
                committers.append(committer)
                catch_up(index, name, committer.log)
        except BaseException:
            for committer in committers:
                committer.close()
            index.close()
            raise
        for committer in committers:
            committer.start()
        return cls(index, *committers)

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what was handed in and let go of the directory."""
        for committer in self._committers.values():
            committer.close()
        self._index.close()

    def submit(self, entry: Entry) -> Future[Written]:
        """Hand an entry in; its future is resolved when it is durable, and raises StorageError otherwise."""
        is_found = isinstance(entry, ResultEntry | FailureEntry)
        return self._committers[RESULTS_LOG if is_found else PACKETS_LOG].submit(entry)

    def reading(self) -> AbstractContextManager[Connection]:
        """Give a connection for the questions in `frame_queries` and `result_queries`."""
        return self._index.reading()

    def read_layer(self, record_id: RecordId) -> tuple[StoredLayer, bytes]:
        """Return what a layer's record says and its bytes; raise NotHeldError if it was given up."""
        record = self._committers[PACKETS_LOG].log.read(record_id)
        return StoredLayer.FromString(record.key), record.payload

    def read_result(self, record_id: RecordId) -> Result:
        """Return a result; raise NotHeldError if it was given up."""
        return Result.FromString(self._committers[RESULTS_LOG].log.read(record_id).payload)

    def read_results(self, record_ids: list[RecordId]) -> Iterator[Result]:
        """Yield those results that are still held."""
        for record_id in record_ids:
            try:
                yield self.read_result(record_id)
            except NotHeldError:
                continue

    def logs(self) -> dict[str, Committer]:
        """Return the writers by the name of their log, for retention and metrics."""
        return dict(self._committers)

    def stats(self) -> dict[str, SegmentLogStats]:
        """Return the sizes and counts of each log."""
        return {name: committer.log.stats for name, committer in self._committers.items()}


def _opener(
    options: StoreOptions, name: str, budget_bytes: int | None
) -> Callable[[Callable[[list[EvictedRecord]], None]], SegmentLog]:
    log_options = SegmentLogOptions(
        segment_bytes=options.segment_bytes, budget_bytes=budget_bytes, sync_interval_s=None
    )

    def open_log(on_evicted: Callable[[list[EvictedRecord]], None]) -> SegmentLog:
        return SegmentLog.open(options.directory / name, log_options, on_evicted)

    return open_log
