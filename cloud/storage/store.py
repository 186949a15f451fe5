"""The store: what the gateway, the workers and the API read and write by."""

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from cloud.storage.catch_up import catch_up
from cloud.storage.committer import Committer, Written
from cloud.storage.foreign_log import ForeignLog, RecordReader
from cloud.storage.index import Index
from cloud.storage.records import LOGS, PACKETS_LOG, RESULTS_LOG, Entry, log_of
from runtime.segment_log.eviction import EvictedRecord
from runtime.segment_log.log import SegmentLog
from runtime.segment_log.options import SegmentLogOptions
from runtime.segment_log.record import RecordId
from runtime.segment_log.stats import SegmentLogStats
from shared_models.errors import NotHeldError, StorageError
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
    """Frames, layers, gaps and results, with their index. Thread-safe.

    Each log has one process that writes it; other processes read it beside, by the places in the index.
    """

    def __init__(
        self, index: Index, committers: Mapping[str, Committer], readers: Mapping[str, RecordReader]
    ) -> None:
        """Use `open`."""
        self._index = index
        self._committers = committers
        self._readers = readers

    @classmethod
    def open(cls, options: StoreOptions, writes: Collection[str] = LOGS) -> "Store":
        """Open the store in whatever state it was left, to write the logs named by `writes`.

        The index is level with those logs afterwards.

        Raises:
            StorageError: the directory cannot be used, or another process writes one of these logs.
        """
        try:
            options.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"cannot use store.directory {options.directory}: {error.strerror}; name another"
            ) from error
        index = Index.open(options.directory / INDEX_FILE, may_replace=PACKETS_LOG in writes)
        committers: dict[str, Committer] = {}
        try:
            for name in writes:
                committers[name] = Committer(name, _opener(options, name), index)
                catch_up(index, name, committers[name].log)
        except BaseException:
            for committer in committers.values():
                committer.close()
            index.close()
            raise
        for committer in committers.values():
            committer.start()
        readers: dict[str, RecordReader] = {name: committer.log for name, committer in committers.items()}
        foreign = {name: ForeignLog(options.directory / name) for name in LOGS if name not in committers}
        return cls(index, committers, readers | foreign)

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
        return self._committers[log_of(entry)].submit(entry)

    def settled(self, log: str) -> Future[None]:
        """Return what is done once everything handed in for a log, so far, is in the index or has failed."""
        return self._committers[log].settled()

    def reading(self) -> AbstractContextManager[Connection]:
        """Give a connection for the questions in `frame_queries` and `result_queries`."""
        return self._index.reading()

    def read_layer(self, record_id: RecordId) -> tuple[StoredLayer, bytes]:
        """Return what a layer's record says and its bytes; raise NotHeldError if it was given up."""
        record = self._readers[PACKETS_LOG].read(record_id)
        return StoredLayer.FromString(record.key), record.payload

    def read_result(self, record_id: RecordId) -> Result:
        """Return a result; raise NotHeldError if it was given up."""
        return Result.FromString(self._readers[RESULTS_LOG].read(record_id).payload)

    def read_results(self, record_ids: list[RecordId]) -> Iterator[Result]:
        """Yield those results that are still held."""
        for record_id in record_ids:
            try:
                yield self.read_result(record_id)
            except NotHeldError:
                continue

    @property
    def is_alive(self) -> bool:
        """Whether everything that is handed in will be written."""
        return all(committer.is_alive for committer in self._committers.values())

    def logs(self) -> dict[str, Committer]:
        """Return this process's writers by the name of their log, for retention and metrics."""
        return dict(self._committers)

    def stats(self) -> dict[str, SegmentLogStats]:
        """Return the sizes and counts of each log."""
        return {name: committer.log.stats for name, committer in self._committers.items()}


def _opener(
    options: StoreOptions, name: str
) -> Callable[[Callable[[list[EvictedRecord]], None]], SegmentLog]:
    budget_bytes = options.packets_budget_bytes if name == PACKETS_LOG else options.results_budget_bytes
    log_options = SegmentLogOptions(
        segment_bytes=options.segment_bytes, budget_bytes=budget_bytes, sync_interval_s=None
    )

    def open_log(on_evicted: Callable[[list[EvictedRecord]], None]) -> SegmentLog:
        return SegmentLog.open(options.directory / name, log_options, on_evicted)

    return open_log
