"""Which segments are too old."""

from cloud.storage.retention import expired_segments
from runtime.segment_log.stats import SegmentInfo


def segment(number: int, created_ns: int, importance: int = 3) -> SegmentInfo:
    return SegmentInfo(number, importance, size_bytes=1000, records=10, created_ns=created_ns)


def test_a_segment_expires_when_the_one_after_it_is_older_than_the_age() -> None:
    held = [segment(0, 0), segment(1, 100), segment(2, 200)]
    assert expired_segments(held, now_ns=1099, age_ns=1000) == []
    assert expired_segments(held, now_ns=1101, age_ns=1000) == [0]
    assert expired_segments(held, now_ns=99_999, age_ns=1000) == [0, 1]


def test_the_newest_segment_of_each_importance_stays() -> None:
    held = [segment(0, 0, 1), segment(1, 1, 3), segment(2, 2, 3)]
    assert expired_segments(held, now_ns=99_999, age_ns=1) == [1]
