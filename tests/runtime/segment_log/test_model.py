"""The log against a model, under every fault at once: kills, power losses, full disks, failed syncs."""

import contextlib
import random
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from runtime.segment_log import EvictedRecord, Record, RecordId, SegmentLog, SegmentLogOptions
from shared_models.errors import NotHeldError, StorageError
from tests.runtime.segment_log.simulated_disk import SimulatedDisk

SEGMENT_BYTES = 4096
BUDGET_BYTES = 5 * SEGMENT_BYTES


class LogMachine(RuleBasedStateMachine):
    """Appends, syncs, reads and breaks things; the model is two dicts."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="segment-log-"))
        self.disk = SimulatedDisk()
        self.held: dict[RecordId, Record] = {}
        self.durable: set[RecordId] = set()
        self.gone: dict[RecordId, Record] = {}  # evicted: after a power loss a removal may be undone
        self.count = 0
        self.has_lost_pages = False

    @initialize()
    def first_open(self) -> None:
        self.open()

    def open(self) -> None:
        options = SegmentLogOptions(
            segment_bytes=SEGMENT_BYTES, budget_bytes=BUDGET_BYTES, sync_interval_s=None, filesystem=self.disk
        )
        self.log = SegmentLog.open(self.directory, options, self.on_evicted)

    @property
    def damaged(self) -> int:
        return self.log.stats.damaged

    def abandon(self) -> None:
        with pytest.raises(StorageError):
            self.log.append_durable(1, b"the disk is dead")
        with contextlib.suppress(StorageError):  # with nothing left to sync there is nothing to fail
            self.log.close()

    def on_evicted(self, records: list[EvictedRecord]) -> None:
        for evicted in records:
            record = self.held.pop(evicted.record_id, None)
            assert record is not None, "only what is held is evicted, and each record once"
            assert (evicted.record_type, evicted.key) == (record.record_type, record.key)
            self.gone[evicted.record_id] = record
            self.durable.discard(evicted.record_id)

    @rule(
        size=st.integers(0, 1500),
        importance=st.integers(0, 2),
        record_type=st.integers(0, 254),
        is_durable=st.booleans(),
    )
    def append(self, size: int, importance: int, record_type: int, is_durable: bool) -> None:
        self.count += 1
        record = Record(
            record_type, random.Random(self.count).randbytes(size), importance, b"%d" % self.count
        )
        try:
            record_id = self.log.append(record_type, record.payload, importance=importance, key=record.key)
        except StorageError:
            assert self.disk.capacity_bytes is not None, "an append fails only on a full disk"
            return
        assert record_id not in self.durable
        self.held[record_id] = record
        self.gone.pop(record_id, None)
        if is_durable:
            self.sync()

    @rule()
    def sync(self) -> None:
        may_fail = self.disk.failing_syncs > 0 or self.disk.capacity_bytes is not None
        try:
            self.log.sync()
        except StorageError:
            assert may_fail, "a sync fails only when the disk does"
            return
        assert all(self.log.is_durable(record_id) for record_id in self.held)
        self.durable = set(self.held)

    @rule(data=st.data())
    @precondition(lambda self: self.held)
    def a_pinned_segment_stays(self, data: st.DataObject) -> None:
        record_id = data.draw(st.sampled_from(sorted(self.held)))
        with self.log.pin(record_id):
            assert not self.log.evict_segment(record_id.segment)
            assert self.log.read(record_id) == self.held[record_id]

    @rule(data=st.data())
    @precondition(lambda self: self.held)
    def evict(self, data: st.DataObject) -> None:
        record_id = data.draw(st.sampled_from(sorted(self.held)))
        assert self.log.evict_segment(record_id.segment)
        assert record_id not in self.held

    @rule(count=st.integers(1, 3), forgets=st.booleans())
    def syncs_fail(self, count: int, forgets: bool) -> None:
        self.disk.failing_syncs = count
        self.sync()
        if forgets:
            self.sync()
            self.sync()

    @rule()
    def caches_are_dropped(self) -> None:
        self.has_lost_pages |= self.disk.drop_caches()

    @rule(spare_bytes=st.integers(0, 2000))
    def disk_is_full(self, spare_bytes: int) -> None:
        self.disk.capacity_bytes = self.disk.used_bytes + spare_bytes

    @rule()
    def disk_has_room(self) -> None:
        self.disk.capacity_bytes = None

    @rule()
    def close_and_open(self) -> None:
        self.disk.failing_syncs, self.disk.capacity_bytes = 0, None
        self.log.close()
        self.durable = set(self.held)
        damaged = self.damaged
        self.open()
        assert self.log.stats.truncated_bytes == 0
        assert self.damaged <= damaged

    @rule(failing_syncs=st.integers(0, 2))
    def kill_and_open(self, failing_syncs: int) -> None:
        damaged, disk = self.damaged, self.disk.after_kill()
        self.abandon()
        self.disk = disk
        self.disk.failing_syncs = failing_syncs
        self.open()
        self.disk.failing_syncs = 0
        if self.has_lost_pages:
            self.accept_what_is_there()
        else:
            assert self.damaged <= damaged

    @rule(seed=st.integers(0, 2**32))
    def lose_power_and_open(self, seed: int) -> None:
        disk = self.disk.after_power_loss(random.Random(seed))
        self.abandon()
        self.disk = disk
        self.open()
        self.accept_what_is_there()

    def accept_what_is_there(self) -> None:
        known = {**self.gone, **self.held}
        found = dict(self.log.records())
        assert self.durable <= found.keys(), "what was acknowledged is there"
        for record_id, record in found.items():
            assert record == known[record_id], "what is there is what was written"
        self.held, self.gone, self.durable, self.has_lost_pages = found, {}, set(found), False

    @invariant()
    def everything_held_can_be_read(self) -> None:
        if not hasattr(self, "log"):
            return
        assert dict(self.log.records()) == self.held
        for record_id, record in list(self.held.items())[-3:]:
            assert self.log.read(record_id) == record
        for record_id in list(self.gone)[-3:]:
            with pytest.raises(NotHeldError):
                self.log.read(record_id)

    @invariant()
    def books_and_disk_agree(self) -> None:
        if not hasattr(self, "log"):
            return
        stats = self.log.stats
        assert stats.size_bytes <= BUDGET_BYTES
        assert stats.size_bytes == self.disk.used_bytes, (stats, self.disk.sizes())
        assert stats.records == len(self.held)

    def teardown(self) -> None:
        self.disk.failing_syncs, self.disk.capacity_bytes = 0, None
        self.log.close()
        shutil.rmtree(self.directory)


LogMachine.TestCase.settings = settings(
    max_examples=25,
    report_multiple_bugs=False,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLogAgainstItsModel = LogMachine.TestCase


@pytest.mark.slow
def test_log_against_its_model_for_longer() -> None:
    run_state_machine_as_test(
        LogMachine,
        settings=settings(
            LogMachine.TestCase.settings, max_examples=500, stateful_step_count=60, derandomize=False
        ),
    )
