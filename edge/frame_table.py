"""Where the frames of one camera are in the ring: 48 bytes a frame, so that days of them fit in memory."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edge.gaps import SeqSpan
from runtime.segment_log.record import RecordId

_TRIM_ROWS: Final = 4096
_NOWHERE: Final = RecordId(0, 0)  # no record begins at the first byte of a segment


@dataclass(frozen=True, slots=True)
class FrameRow:
    """One frame: its base packet, and the source or enhancement kept with it, where they are still held."""

    seq: int
    capture_ns: int
    base: RecordId | None
    kept: RecordId | None


class _Column:
    """Record ids of one kind, row by row."""

    def __init__(self) -> None:
        self.segments = array("Q")
        self.offsets = array("Q")

    def insert(self, index: int) -> None:
        self.segments.insert(index, _NOWHERE.segment)
        self.offsets.insert(index, _NOWHERE.offset)

    def put(self, index: int, record_id: RecordId) -> None:
        self.segments[index], self.offsets[index] = record_id

    def get(self, index: int) -> RecordId | None:
        offset = self.offsets[index]
        return RecordId(self.segments[index], offset) if offset else None

    def trim(self, rows: int) -> None:
        del self.segments[:rows], self.offsets[:rows]


class FrameTable:
    """Rows by ascending seq. Appending is cheap, so is losing the oldest."""

    def __init__(self) -> None:
        """Start empty."""
        self._seqs = array("Q")
        self._times = array("q")
        self._base = _Column()
        self._kept = _Column()
        self._dead_rows = 0

    def put_base(self, seq: int, capture_ns: int, record_id: RecordId) -> None:
        """Remember where the base packet of `seq` is."""
        self._base.put(self._row_for(seq, capture_ns), record_id)

    def put_kept(self, seq: int, capture_ns: int, record_id: RecordId) -> None:
        """Remember where the source or enhancement of `seq` is."""
        self._kept.put(self._row_for(seq, capture_ns), record_id)

    def drop_base(self, seq: int) -> None:
        """Forget the base packet of `seq`: it was evicted."""
        self._drop(seq, self._base)

    def drop_kept(self, seq: int) -> None:
        """Forget what was kept with `seq`: it was evicted."""
        self._drop(seq, self._kept)

    def find(self, seq: int) -> FrameRow | None:
        """Return the row of `seq`, if anything of it is held."""
        index = self._index(seq)
        if index is None:
            return None
        row = self._at(index)
        return row if row.base or row.kept else None

    def nearest(self, seq: int, count: int) -> list[FrameRow]:
        """Return up to `count` frames with something kept, nearest to `seq` first."""
        above = bisect_left(self._seqs, seq)
        below = above - 1
        found: list[FrameRow] = []
        while len(found) < count and (below >= 0 or above < len(self._seqs)):
            is_above_nearer = below < 0 or (
                above < len(self._seqs) and self._seqs[above] - seq <= seq - self._seqs[below]
            )
            index = above if is_above_nearer else below
            above, below = (above + 1, below) if is_above_nearer else (above, below - 1)
            row = self._at(index)
            if row.base is not None and row.kept is not None:
                found.append(row)
        return found

    def rows(self) -> Iterator[FrameRow]:
        """Yield the frames of which something is held, oldest first."""
        for index in range(len(self._seqs)):
            row = self._at(index)
            if row.base or row.kept:
                yield row

    def time_before(self, seq: int) -> int | None:
        """Return when the last known frame before `seq` was captured, in Unix time."""
        index = bisect_left(self._seqs, seq) - 1
        return self._times[index] if index >= 0 else None

    def time_after(self, seq: int) -> int | None:
        """Return when the first known frame after `seq` was captured, in Unix time."""
        index = bisect_left(self._seqs, seq + 1)
        return self._times[index] if index < len(self._seqs) else None

    def span(self) -> SeqSpan | None:
        """Return the lowest and highest seq of which something is held."""
        held = [index for index in (self._first_held(), len(self._seqs) - 1) if 0 <= index < len(self._seqs)]
        return SeqSpan(self._seqs[held[0]], self._seqs[held[-1]]) if held else None

    def _first_held(self) -> int:
        index = 0
        while index < len(self._seqs) and not (self._base.offsets[index] or self._kept.offsets[index]):
            index += 1
        return index

    def _row_for(self, seq: int, capture_ns: int) -> int:
        """Return the row of `seq`, made if there is none; out of order only when records are damaged."""
        index = len(self._seqs) if not self._seqs or seq > self._seqs[-1] else bisect_left(self._seqs, seq)
        if index == len(self._seqs) or self._seqs[index] != seq:
            self._seqs.insert(index, seq)
            self._times.insert(index, capture_ns)
            self._base.insert(index)
            self._kept.insert(index)
        return index

    def _index(self, seq: int) -> int | None:
        index = bisect_left(self._seqs, seq)
        return index if index < len(self._seqs) and self._seqs[index] == seq else None

    def _at(self, index: int) -> FrameRow:
        return FrameRow(self._seqs[index], self._times[index], self._base.get(index), self._kept.get(index))

    def _drop(self, seq: int, column: _Column) -> None:
        index = self._index(seq)
        if index is None or column.get(index) is None:
            return
        column.put(index, _NOWHERE)
        if self._base.get(index) is None and self._kept.get(index) is None:
            self._dead_rows += 1
            if self._dead_rows >= _TRIM_ROWS:
                self._trim()

    def _trim(self) -> None:
        """Let go of dead rows at the front; those in the middle wait until they get there."""
        rows = self._first_held()
        del self._seqs[:rows], self._times[:rows]
        self._base.trim(rows)
        self._kept.trim(rows)
        self._dead_rows = 0
