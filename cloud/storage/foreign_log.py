"""Reading records of a log that another process writes: one place at a time, checked by their sums.

Only records that the index locates are asked for, and the index locates only what is durable. What the
writer has given up meanwhile is not held, as it would be in the writer itself.
"""

import os
from pathlib import Path
from typing import Protocol

from runtime.segment_log.record import Record, RecordId
from runtime.segment_log.scan import read_header
from runtime.segment_log.segment import segment_path
from runtime.segment_log.segment_header import SEGMENT_HEADER_BYTES, decode_segment_header
from shared_models.errors import NotHeldError, StorageError


class RecordReader(Protocol):
    """Whatever gives a record by its place."""

    def read(self, record_id: RecordId) -> Record:
        """Return the record; raise NotHeldError or StorageError."""
        ...


class ForeignLog:
    """A log in `directory` that another process has open."""

    def __init__(self, directory: Path) -> None:
        """Read from `directory`; nothing is opened until a record is asked for."""
        self._directory = directory

    def read(self, record_id: RecordId) -> Record:
        """Return the record.

        Raises:
            NotHeldError: it was given up, or is damaged.
            StorageError: the disk fails.
        """
        try:
            descriptor = os.open(segment_path(self._directory, record_id.segment), os.O_RDONLY)
        except FileNotFoundError:
            raise NotHeldError(f"record {record_id} is not held in {self._directory}") from None
        except OSError as error:
            raise StorageError(f"cannot read {self._directory}: {error.strerror}") from error
        try:
            found = _read(descriptor, record_id.offset)
        except OSError as error:
            raise StorageError(f"cannot read record {record_id}: {error.strerror}") from error
        finally:
            os.close(descriptor)
        if found is None:
            raise NotHeldError(f"record {record_id} in {self._directory} is damaged or was never written")
        return found


def _read(descriptor: int, offset: int) -> Record | None:
    def read_at(size_bytes: int, start: int) -> bytes:
        return os.pread(descriptor, size_bytes, start)

    segment = decode_segment_header(read_at(SEGMENT_HEADER_BYTES, 0))
    if segment is None:
        return None
    header = read_header(read_at, segment.seed, offset, os.fstat(descriptor).st_size)
    if header is None:
        return None
    payload = read_at(header.payload_bytes, offset + header.payload_start)
    if not header.accepts(payload):
        return None
    return Record(header.record_type, payload, header.importance, header.key)
