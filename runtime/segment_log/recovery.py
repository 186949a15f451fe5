"""Opening what an earlier process left: nothing found here stops a start."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from runtime.segment_log.filesystem import Filesystem
from runtime.segment_log.record import SEAL_BYTES, decode_seal
from runtime.segment_log.scan import ScannedRecord
from runtime.segment_log.segment import REWRITE_SUFFIX, Segment, is_segment_name
from runtime.segment_log.segment_header import (
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    decode_segment_header,
)


@dataclass(frozen=True, slots=True)
class Recovered:
    """The segments found, the first number that was never used, and what was wrong."""

    segments: list[Segment]
    next_number: int
    damaged: int
    truncated_bytes: int


def recover(directory: Path, filesystem: Filesystem) -> Recovered:
    """Open every segment in `directory`; cut torn tails, count damage, sync what may not be durable.

    Raises:
        OSError: if the directory itself cannot be listed.
    """
    names = sorted(filesystem.names(directory))
    for leftover in (name for name in names if name.endswith(REWRITE_SUFFIX)):
        with contextlib.suppress(OSError):
            filesystem.remove(directory / leftover)
    paths = [directory / name for name in names if is_segment_name(name)]
    newest = int(paths[-1].stem) if paths else -1
    opened = [_open_segment(path, filesystem) for path in paths]
    held = [found for found in opened if found.segment.number == newest or not _drop_if_empty(found)]
    return Recovered(
        segments=[found.segment for found in held],
        next_number=newest + 1,
        damaged=sum(found.damaged for found in held),
        truncated_bytes=sum(found.truncated_bytes for found in held),
    )


@dataclass(frozen=True, slots=True)
class _Opened:
    segment: Segment
    damaged: int = 0
    truncated_bytes: int = 0


def _open_segment(path: Path, filesystem: Filesystem) -> _Opened:
    """Open the segment at `path`, whatever state it is in."""
    try:
        descriptor = filesystem.open(path)
        try:
            size = filesystem.size_bytes(descriptor)
            header = decode_segment_header(filesystem.read_at(descriptor, SEGMENT_HEADER_BYTES, 0))
            if header is None:
                return _unreadable(path, size, filesystem)
            segment = Segment(path, header, filesystem)
            seal_start = size - SEAL_BYTES
            seal = filesystem.read_at(descriptor, SEAL_BYTES, max(seal_start, 0))
        finally:
            filesystem.close(descriptor)
    except OSError:
        return _unreadable(path, 0, filesystem)
    records = decode_seal(seal, header.seed, seal_start)
    if records is not None:
        segment.adopt(size, seal_start, records)
        return _Opened(segment)
    return _open_unsealed(segment, size)


def _open_unsealed(segment: Segment, size: int) -> _Opened:
    """Read every record of a segment that was not closed, cut its torn tail, make the rest durable."""
    segment.adopt(size, size, 0)
    records = damaged = truncated_bytes = 0
    data_end = size
    for found in segment.scan(with_payloads=True):
        if isinstance(found, ScannedRecord):
            records += 1
        elif found.is_tail:
            data_end, truncated_bytes = found.offset, found.end - found.offset
        else:
            damaged += 1
            segment.damaged_offsets.add(found.offset)
    segment.adopt(size, data_end, records)
    if records or damaged:
        segment.finish_recovered()
    else:
        with contextlib.suppress(OSError):
            segment.empty()
    return _Opened(segment, damaged, truncated_bytes)


def _unreadable(path: Path, size: int, filesystem: Filesystem) -> _Opened:
    """Keep a file whose header is gone, or of another version, in the books, so that the budget counts it."""
    segment = Segment(path, SegmentHeader(int(path.stem), 0, 0, 0), filesystem)
    segment.adopt(size, min(size, SEGMENT_HEADER_BYTES), 0)
    return _Opened(segment, damaged=1 if size > SEGMENT_HEADER_BYTES else 0)


def _drop_if_empty(opened: _Opened) -> bool:
    """Remove a segment without any record, good or damaged; say whether that was done."""
    if opened.segment.records or opened.damaged:
        return False
    with contextlib.suppress(OSError):
        opened.segment.remove()
        return True
    return False
