"""The segment log: one append-only store on disk, for the edge's ring and the cloud's frames."""

from runtime.segment_log.eviction import EvictedRecord
from runtime.segment_log.filesystem import Filesystem, LocalFilesystem
from runtime.segment_log.log import SegmentLog
from runtime.segment_log.options import SegmentLogOptions
from runtime.segment_log.record import Record, RecordHeader, RecordId
from runtime.segment_log.stats import SegmentInfo, SegmentLogStats

__all__ = [
    "EvictedRecord",
    "Filesystem",
    "LocalFilesystem",
    "Record",
    "RecordHeader",
    "RecordId",
    "SegmentInfo",
    "SegmentLog",
    "SegmentLogOptions",
    "SegmentLogStats",
]
