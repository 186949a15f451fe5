"""Bringing the index level with the segments at a start: after a crash, or from nothing.

Records are durable before the index knows them, so the index can only lag behind. A segment is read again
(keys only) where the index knows fewer records of it than it holds.
"""

from typing import Final

from cloud.storage.index import Index
from cloud.storage.records import read_key
from cloud.storage.rows import Located
from runtime.segment_log.log import SegmentLog
from runtime.segment_log.record import RecordId
from runtime.segment_log.segment_header import SEGMENT_HEADER_BYTES

_ROWS_PER_COMMIT: Final = 2000


def catch_up(index: Index, name: str, log: SegmentLog) -> int:
    """Make `index` say what `log` holds; return how many records were read again.

    Raises:
        StorageError: the index cannot be written or the disk fails.
    """
    held = {segment.number: segment.records for segment in log.segments()}
    with index.writing() as connection:
        known = index.known_segments(connection, name)
        index.forget_segments(connection, name, sorted(known.keys() - held.keys()))
    return sum(
        _read_again(index, name, log, number)
        for number, records in held.items()
        if records and known.get(number) != records
    )


def _read_again(index: Index, name: str, log: SegmentLog, number: int) -> int:
    count = 0
    waiting: list[Located] = []
    for record_id, header in log.headers(RecordId(number, SEGMENT_HEADER_BYTES)):
        if record_id.segment != number:
            break
        count += 1
        key = read_key(header.record_type, header.key)
        if key is not None:
            waiting.append(Located(key, record_id, header.payload_bytes))
        if len(waiting) >= _ROWS_PER_COMMIT:
            _add(index, name, waiting)
            waiting = []
    _add(index, name, waiting)
    held = {segment.number: segment.records for segment in log.segments()}
    with index.writing() as connection:
        index.set_segment(connection, name, number, held.get(number, 0))
    return count


def _add(index: Index, name: str, located: list[Located]) -> None:
    with index.writing() as connection:
        index.add(connection, name, located)
