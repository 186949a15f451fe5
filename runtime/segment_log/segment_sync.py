"""Bringing segments to stable storage, also past syncs that fail. Runs in the group commit's thread.

A failed sync is final for the data it was to save: the kernel may have dropped the pages and called them
clean, so a second sync that succeeds proves nothing (fsync-gate). Such a segment takes no more data and is
written anew, from memory, under another name; only when that is durable does it take the old file's place.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

from runtime.segment_log.filesystem import Filesystem
from runtime.segment_log.segment import Segment, SyncPoint
from runtime.segment_log.segment_set import SegmentSet
from shared_models.errors import StorageError


class SegmentSync:
    """Syncs what a SegmentSet says is unsynced; holds the log's lock to look and to note, never to write."""

    def __init__(
        self, directory: Path, filesystem: Filesystem, segments: SegmentSet, lock: threading.Lock
    ) -> None:
        """Work on `segments`, which `lock` guards."""
        self._directory = directory
        self._filesystem = filesystem
        self._segments = segments
        self._lock = lock

    def flush(self) -> None:
        """Put everything appended so far on stable storage; raise StorageError."""
        with self._lock:
            appended = self._segments.appended
            unsynced = list(self._segments.unsynced.values())
            failed = [segment for segment in unsynced if segment.is_failed]
            points = [point for s in unsynced if not s.is_failed and (point := s.begin_sync()) is not None]
            is_directory_dirty = self._segments.is_directory_dirty or bool(failed)
            self._segments.is_directory_dirty = False
        try:
            self._write_out(failed, points, is_directory_dirty)
        except OSError as error:
            with self._lock:
                self._segments.is_directory_dirty = True
                self._segments.counts.sync_errors += 1
            raise StorageError(
                f"cannot sync the segment log in {self._directory}: {error.strerror}; is the disk failing?"
            ) from error
        finally:
            for point in points:
                self._filesystem.close(point.descriptor)
        with self._lock:
            for segment in failed:
                self._segments.settle(segment, segment.data_end)
            for point in points:
                self._segments.settle(point.segment, point.end)
            self._segments.durable_through = appended

    def _write_out(
        self, failed: Sequence[Segment], points: Sequence[SyncPoint], is_directory_dirty: bool
    ) -> None:
        """Sync files, then their names; stop at the first that cannot be helped, for the next flush."""
        for segment in failed:
            self._rewrite(segment)
        for point in points:
            try:
                self._filesystem.sync(point.descriptor)
            except OSError:
                is_directory_dirty = True
                with self._lock:
                    self._segments.counts.sync_errors += 1
                    self._segments.fail(point.segment)
                self._rewrite(point.segment)
        if is_directory_dirty:
            self._filesystem.sync_directory(self._directory)

    def _rewrite(self, segment: Segment) -> None:
        """Bring a segment whose sync has failed to stable storage as a fresh file; raise OSError."""
        with self._lock:
            if self._segments.held.get(segment.number) is not segment:
                return  # evicted since
            segment.pins += 1
        try:
            self._rewrite_making_room(segment)
            with self._lock:
                self._segments.mend(segment)
        finally:
            with self._lock:
                segment.pins -= 1

    def _rewrite_making_room(self, segment: Segment) -> None:
        while True:
            try:
                segment.rewrite()
            except OSError as error:
                with self._lock:
                    if self._segments.make_room(error, kept=segment):
                        continue
                raise
            return
