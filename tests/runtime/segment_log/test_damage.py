"""Segments cut at every byte and with every bit flipped: damage costs itself and nothing else."""

import random
from pathlib import Path

import pytest

from runtime.segment_log import Record, RecordId, SegmentLog, SegmentLogOptions
from runtime.segment_log.record import HEADER_BYTES, encode_record
from runtime.segment_log.recovery import Recovered, recover
from runtime.segment_log.scan import ScannedRecord
from runtime.segment_log.segment import segment_path
from runtime.segment_log.segment_header import SEGMENT_HEADER_BYTES
from shared_models.errors import NotHeldError
from tests.runtime.segment_log.simulated_disk import SimulatedDisk

RECORDS = [Record(1, b"first", 0, b"k1"), Record(2, b"", 0, b""), Record(3, b"a third one", 0, b"k3")]


def written(disk: SimulatedDisk, directory: Path, *, is_sealed: bool) -> dict[RecordId, Record]:
    """Write RECORDS as a process does that closes its log, or that dies."""
    log = SegmentLog.open(directory, SegmentLogOptions(sync_interval_s=None, filesystem=disk))
    ids = [log.append(r.record_type, r.payload, importance=r.importance, key=r.key) for r in RECORDS]
    log.sync()
    image = bytes(disk.files[segment_path(directory, 0)].cached)
    log.close()
    if not is_sealed:
        file = disk.files[segment_path(directory, 0)]
        file.cached[:] = file.stable[:] = image
    return dict(zip(ids, RECORDS, strict=True))


def found(recovered: Recovered) -> dict[RecordId, Record]:
    return {
        RecordId(segment.number, s.offset): Record(
            s.header.record_type, s.payload, s.header.importance, s.header.key
        )
        for segment in recovered.segments
        for s in segment.scan(with_payloads=True)
        if isinstance(s, ScannedRecord) and s.payload is not None
    }


@pytest.fixture(params=[True, False], ids=["sealed", "torn"])
def is_sealed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_a_segment_cut_at_any_byte_keeps_every_whole_record(tmp_path: Path, is_sealed: bool) -> None:
    disk = SimulatedDisk()
    records = written(disk, tmp_path, is_sealed=is_sealed)
    path = segment_path(tmp_path, 0)
    image = bytes(disk.files[path].cached)
    ends = {i: i.offset + HEADER_BYTES + len(r.key) + len(r.payload) for i, r in records.items()}
    for size in range(len(image)):
        disk.files[path].cached[:] = disk.files[path].stable[:] = image[:size]
        assert found(recover(tmp_path, disk)) == {i: records[i] for i, end in ends.items() if end <= size}
        assert recover(tmp_path, disk).truncated_bytes == 0, "the second start finds nothing to mend"


def test_a_flipped_bit_costs_at_most_the_record_it_is_in(tmp_path: Path, is_sealed: bool) -> None:
    disk = SimulatedDisk()
    records = written(disk, tmp_path, is_sealed=is_sealed)
    path = segment_path(tmp_path, 0)
    image = bytes(disk.files[path].cached)
    for position in range(len(image) * 8):
        disk.files[path].cached[:] = disk.files[path].stable[:] = image
        disk.flip_bit(path, position)
        hit = {i for i, r in records.items() if i.offset <= position // 8 < _end(i, r)}
        kept = found(recover(tmp_path, disk))
        assert kept.items() <= records.items()
        assert records.keys() - kept.keys() == hit


def _end(record_id: RecordId, record: Record) -> int:
    return record_id.offset + HEADER_BYTES + len(record.key) + len(record.payload)


def test_random_garbage_in_a_segment_costs_what_it_covers(tmp_path: Path) -> None:
    rng = random.Random(5)
    disk = SimulatedDisk()
    records = written(disk, tmp_path, is_sealed=True)
    path = segment_path(tmp_path, 0)
    image = bytes(disk.files[path].cached)
    for _ in range(500):
        start = rng.randrange(len(image))
        end = min(len(image), start + rng.randrange(1, 60))
        damaged = image[:start] + rng.randbytes(end - start) + image[end:]
        disk.files[path].cached[:] = disk.files[path].stable[:] = damaged
        kept = found(recover(tmp_path, disk))
        assert kept.items() <= records.items()
        is_header_left = start >= SEGMENT_HEADER_BYTES or end <= SEGMENT_HEADER_BYTES // 2
        if is_header_left:
            untouched = {i for i, r in records.items() if _end(i, r) <= start or i.offset >= end}
            assert untouched <= kept.keys()


def test_any_file_of_the_right_name_opens(tmp_path: Path) -> None:
    rng = random.Random(6)
    disk = SimulatedDisk()
    for number in range(200):
        disk.create(segment_path(tmp_path, number))
        disk.files[segment_path(tmp_path, number)].change(0, rng.randbytes(rng.randrange(300)))
    with SegmentLog.open(tmp_path, SegmentLogOptions(filesystem=disk)) as log:
        assert list(log.records()) == []
        assert log.read(log.append(1, b"works")).payload == b"works"


def test_a_forged_record_inside_a_payload_is_never_taken_for_one(tmp_path: Path) -> None:
    """A payload comes from outside; behind damage, a search must not find a record in it."""
    disk = SimulatedDisk()
    log = SegmentLog.open(tmp_path, SegmentLogOptions(filesystem=disk))
    start = SEGMENT_HEADER_BYTES + HEADER_BYTES
    forged = b"".join(encode_record(Record(9, b"forged"), 0, start))
    log.append(1, forged)
    kept = log.append(2, b"real")
    log.close()
    disk.flip_bit(segment_path(tmp_path, 0), SEGMENT_HEADER_BYTES * 8)
    assert found(recover(tmp_path, disk)) == {kept: Record(2, b"real")}


def test_a_damaged_record_is_counted_once_and_reported_as_not_held(tmp_path: Path) -> None:
    disk = SimulatedDisk()
    log = SegmentLog.open(tmp_path, SegmentLogOptions(filesystem=disk))
    damaged, good = log.append(1, b"x" * 100), log.append(1, b"y")
    log.sync()
    disk.flip_bit(segment_path(tmp_path, 0), (damaged.offset + 50) * 8)
    for _ in range(2):
        with pytest.raises(NotHeldError, match=r"0:80 .* damaged"):
            log.read(damaged)
        assert [record_id for record_id, _ in log.records()] == [good]
    assert log.stats.damaged == 1
    log.close()


def test_a_segment_of_another_version_is_left_alone_until_the_budget_needs_its_bytes(tmp_path: Path) -> None:
    disk = SimulatedDisk()
    disk.create(segment_path(tmp_path, 4))
    disk.files[segment_path(tmp_path, 4)].change(0, b"from the future" * 100)
    options = SegmentLogOptions(segment_bytes=4096, budget_bytes=8192, filesystem=disk)
    with SegmentLog.open(tmp_path, options) as log:
        assert (log.stats.damaged, log.stats.size_bytes) == (1, 1500)
        assert log.append(1, b"next").segment == 5
        for _ in range(3):
            log.append(1, bytes(3500))
        assert segment_path(tmp_path, 4) not in disk.files
