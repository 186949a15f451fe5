"""A full disk and failing syncs: stay up, never promise falsely."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from runtime.segment_log import EvictedRecord, SegmentLog, SegmentLogOptions
from runtime.segment_log.group_commit import GroupCommit
from shared_models.errors import NotHeldError, StorageError
from tests.runtime.segment_log.simulated_disk import SimulatedDisk


@pytest.fixture
def disk() -> SimulatedDisk:
    return SimulatedDisk()


def open_log(directory: Path, disk: SimulatedDisk, evicted: list[EvictedRecord] | None = None) -> SegmentLog:
    options = SegmentLogOptions(segment_bytes=4096, sync_interval_s=None, filesystem=disk)
    return SegmentLog.open(directory, options, None if evicted is None else evicted.extend)


def test_a_full_disk_evicts_the_oldest_and_keeps_the_newest(tmp_path: Path, disk: SimulatedDisk) -> None:
    evicted: list[EvictedRecord] = []
    disk.capacity_bytes = 20_000
    with open_log(tmp_path, disk, evicted) as log:
        ids = [log.append(1, bytes(900), key=b"%d" % i) for i in range(100)]
        assert log.stats.disk_full > 0
        assert [e.record_id for e in evicted] == ids[: len(evicted)]
        assert [record_id for record_id, _ in log.records()] == ids[len(evicted) :]
        assert len(ids) - len(evicted) >= 15, "only as much is given up as is needed"


def test_a_disk_that_stays_full_refuses_appends_and_serves_reads(tmp_path: Path, disk: SimulatedDisk) -> None:
    with open_log(tmp_path, disk) as log:
        record_id = log.append(1, b"first")
        disk.capacity_bytes = disk.used_bytes
        with log.pin(record_id), pytest.raises(StorageError, match="full"):
            log.append(1, bytes(2000))
        assert log.read(record_id).payload == b"first"
        disk.capacity_bytes = None
        assert log.read(log.append(1, b"room again")).payload == b"room again"


def test_a_failed_sync_is_repaired_by_writing_the_data_anew(tmp_path: Path, disk: SimulatedDisk) -> None:
    with open_log(tmp_path, disk) as log:
        log.append_durable(1, b"before")
        disk.failing_syncs = 1
        record_id = log.append_durable(1, b"at the failure")
        disk.drop_caches()
        assert log.read(record_id).payload == b"at the failure"
        assert log.stats.sync_errors == 1
        assert [r.payload for _, r in log.records()] == [b"before", b"at the failure"]


def test_a_sync_that_cannot_be_repaired_is_reported_and_nothing_is_promised(
    tmp_path: Path, disk: SimulatedDisk
) -> None:
    with open_log(tmp_path, disk) as log:
        durable = log.append_durable(1, b"durable")
        disk.failing_syncs = 2
        with pytest.raises(StorageError, match="disk failing"):
            log.append_durable(1, b"doubtful")
        assert log.durable_through == 1
        doubtful = max(record_id for record_id, _ in log.records())
        assert log.is_durable(durable) is False, "its segment is in doubt until it is written anew"
        assert not log.is_durable(doubtful)
        disk.drop_caches()
        assert log.read(doubtful).payload == b"doubtful", "what is in doubt is read from memory"
        log.sync()
        assert log.is_durable(durable)
        assert log.is_durable(doubtful)
        assert log.durable_through == 2


def test_a_later_sync_never_acknowledges_what_an_earlier_one_lost(
    tmp_path: Path, disk: SimulatedDisk
) -> None:
    log = open_log(tmp_path, disk)
    disk.failing_syncs = 2
    record_id = log.append(1, b"lost by the page cache")
    with pytest.raises(StorageError):
        log.sync()
    disk.drop_caches()
    log.sync()  # succeeds because the data was kept in memory
    next_disk = disk.after_kill()
    with pytest.raises(StorageError):
        log.append_durable(1, b"")
    log.close()
    next_disk.drop_caches()
    with open_log(tmp_path, next_disk) as reopened:
        assert reopened.read(record_id).payload == b"lost by the page cache"


def test_a_start_after_a_failed_sync_does_not_trust_the_page_cache(
    tmp_path: Path, disk: SimulatedDisk
) -> None:
    log = open_log(tmp_path, disk)
    log.append(1, b"in the cache only")
    disk.failing_syncs = 2
    with pytest.raises(StorageError):
        log.sync()
    next_disk = disk.after_kill()
    with pytest.raises(StorageError):
        log.close()
    with open_log(tmp_path, next_disk) as reopened:
        reopened.sync()
        next_disk.drop_caches()
        assert [r.payload for _, r in reopened.records()] == [b"in the cache only"]


def test_a_disk_whose_syncs_keep_failing_makes_appends_wait_and_then_refuses_them(
    tmp_path: Path, disk: SimulatedDisk
) -> None:
    options = SegmentLogOptions(
        segment_bytes=4096, sync_interval_s=None, unsynced_bytes_max=8192, filesystem=disk
    )
    log = SegmentLog.open(tmp_path, options)
    disk.failing_syncs = 10**9
    while log.stats.unsynced_bytes <= options.unsynced_bytes_max:
        log.append(1, bytes(1000))
    with pytest.raises(StorageError, match="cannot sync"):
        log.append(1, bytes(1000))
    assert log.stats.unsynced_bytes < 10_000
    disk.failing_syncs = 0
    log.append_durable(1, b"the disk is well again")
    log.close()


def test_evicting_a_record_that_somebody_waits_for_is_not_called_durable(
    tmp_path: Path, disk: SimulatedDisk
) -> None:
    log = open_log(tmp_path, disk)
    record_id = log.append(1, b"x")
    assert log.evict_segment(record_id.segment)
    log.sync()
    assert not log.is_durable(record_id)
    with pytest.raises(NotHeldError):
        log.read(record_id)
    log.close()


def told_when_waiting(commit: GroupCommit, threads: Sequence[threading.Thread]) -> threading.Event:
    """Return an event that is set once every one of `threads` has asked for a flush and waits for it."""
    all_wait, missing = threading.Event(), set(threads)
    plain_wait_for = commit._changed.wait_for

    def wait_for(predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        missing.discard(threading.current_thread())  # the lock is held here
        if not missing:
            all_wait.set()
        return plain_wait_for(predicate, timeout)

    commit._changed.wait_for = wait_for  # type: ignore[method-assign, assignment]
    return all_wait


def test_many_waiters_share_one_sync(tmp_path: Path, disk: SimulatedDisk) -> None:
    gate = threading.Event()
    plain_sync = disk.sync

    def slow_sync(descriptor: int) -> None:
        gate.wait()
        plain_sync(descriptor)

    disk.sync = slow_sync  # type: ignore[method-assign]
    with open_log(tmp_path, disk) as log:
        threads = [threading.Thread(target=log.append_durable, args=(1, b"x")) for _ in range(50)]
        all_wait = told_when_waiting(log._commit, threads)
        for thread in threads:
            thread.start()
        all_wait.wait()
        gate.set()
        for thread in threads:
            thread.join()
        assert disk.syncs <= 3, "one that had begun, and one for everybody who came meanwhile"
        assert log.durable_through == len(threads)
