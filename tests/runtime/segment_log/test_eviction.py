"""What goes first when bytes run short."""

from pathlib import Path

import pytest

from runtime.segment_log import EvictedRecord, RecordId, SegmentLog, SegmentLogOptions
from shared_models.errors import NotHeldError

SEGMENT_BYTES = 4096


@pytest.fixture
def evicted() -> list[EvictedRecord]:
    return []


@pytest.fixture
def log(tmp_path: Path, evicted: list[EvictedRecord]) -> SegmentLog:
    options = SegmentLogOptions(segment_bytes=SEGMENT_BYTES, budget_bytes=6 * SEGMENT_BYTES)
    return SegmentLog.open(tmp_path, options, evicted.extend)


def fill(log: SegmentLog, count: int, importance: int = 0) -> list[RecordId]:
    return [log.append(7, bytes(1000), importance=importance, key=b"%d" % i) for i in range(count)]


def test_the_oldest_goes_first_among_equals(log: SegmentLog, evicted: list[EvictedRecord]) -> None:
    ids = fill(log, 60)
    assert [e.record_id for e in evicted] == ids[: len(evicted)]
    assert [record_id for record_id, _ in log.headers()] == ids[len(evicted) :]
    log.close()


def test_the_less_important_goes_before_the_older(log: SegmentLog, evicted: list[EvictedRecord]) -> None:
    important = fill(log, 6, importance=3)
    fill(log, 60)
    assert all(e.importance == 0 for e in evicted)
    assert all(log.read(record_id).importance == 3 for record_id in important)
    log.close()


def test_the_important_cannot_starve_the_newest(log: SegmentLog) -> None:
    fill(log, 60, importance=3)
    newest = fill(log, 1)[0]
    assert log.read(newest).importance == 0
    log.close()


def test_the_owner_hears_of_every_evicted_record_once(log: SegmentLog, evicted: list[EvictedRecord]) -> None:
    ids = fill(log, 60)
    held = {record_id for record_id, _ in log.records()}
    assert {e.record_id for e in evicted} == set(ids) - held
    assert len(evicted) == len({e.record_id for e in evicted}) == log.stats.evicted_records
    assert {(e.record_type, e.key) for e in evicted} == {(7, b"%d" % i) for i in range(len(evicted))}
    log.close()


def test_the_budget_is_kept_to_the_byte(log: SegmentLog, tmp_path: Path) -> None:
    for i in range(200):
        fill(log, 1, importance=i % 3)
        assert log.stats.size_bytes <= 6 * SEGMENT_BYTES
        assert log.stats.size_bytes == sum(f.stat().st_size for f in tmp_path.glob("*.segment"))
    log.close()
    assert sum(f.stat().st_size for f in tmp_path.glob("*.segment")) <= 6 * SEGMENT_BYTES


def test_a_record_in_use_is_not_evicted(log: SegmentLog) -> None:
    used = fill(log, 1)[0]
    with log.pin(used):
        fill(log, 60)
        assert log.read(used).key == b"0"
    fill(log, 10)
    with pytest.raises(NotHeldError):
        log.read(used)
    log.close()


def test_an_iteration_survives_the_eviction_of_what_is_ahead(log: SegmentLog) -> None:
    ids = fill(log, 10)
    iteration = log.records()
    assert next(iteration)[0] == ids[0]
    fill(log, 60)
    rest = [record_id for record_id, _ in iteration]
    assert rest[:2] == ids[1:3], "the segment being read stays"
    log.close()


def test_an_iteration_starts_where_it_is_told(log: SegmentLog) -> None:
    ids = fill(log, 10)
    assert [record_id for record_id, _ in log.records(ids[4])] == ids[4:]
    assert [record_id for record_id, _ in log.headers(ids[9])] == ids[9:]
    assert list(log.records(RecordId(ids[9].segment + 1, 0))) == []
    log.close()


def test_a_segment_can_be_given_up_by_number(log: SegmentLog, evicted: list[EvictedRecord]) -> None:
    ids = fill(log, 10)
    oldest = log.segments()[0]
    assert (oldest.number, oldest.records) == (ids[0].segment, 3)
    assert log.evict_segment(oldest.number)
    assert [e.record_id for e in evicted] == ids[:3]
    assert not log.evict_segment(oldest.number)
    log.close()


def test_ids_are_never_given_twice_even_when_everything_was_evicted(tmp_path: Path, log: SegmentLog) -> None:
    used = set(fill(log, 10))
    for segment in log.segments():
        log.evict_segment(segment.number)
    log.close()
    with SegmentLog.open(tmp_path, log.options) as reopened:
        assert not used & set(fill(reopened, 10))
