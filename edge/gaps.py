"""Intervals of a camera that hold no data, and why. Sans-I/O."""

import os
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

PIECE_NS: Final = 60 * 10**9
"""A long gap is reported in pieces of this length, so that the cloud learns of it while it lasts."""
GAP_ID_BYTES: Final = 16


class GapReason(IntEnum):
    """Why there is no data; numbered as in the protocol."""

    LINK_DOWN = 1
    GATED = 2
    EVICTED = 3
    SOURCE_DOWN = 4
    CLOCK_STEPPED = 5
    AGENT_STOPPED = 6
    ENCODE_FAILED = 7


@dataclass(frozen=True, slots=True)
class SeqSpan:
    """A closed interval of sequence numbers."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Gap:
    """An interval without data. `seqs` names frames that were captured and left out, if any were.

    `frames` is how many pictures it stands for, which may be less than the span (numbers that a power loss
    skipped were never pictures). `gap_id` names it for good: a repeated report changes nothing.
    """

    camera: str
    epoch: int
    start_ns: int
    end_ns: int
    reason: GapReason
    seqs: SeqSpan | None
    frames: int
    gap_id: bytes


def new_gap_id() -> bytes:
    """Return 16 random bytes."""
    return os.urandom(GAP_ID_BYTES)


class GapTracker:
    """Joins what is missing for one reason into gaps, and cuts long ones into pieces.

    Each method returns the gaps it completed, for the caller to keep and report.
    """

    def __init__(self, camera: str, epoch: int) -> None:
        """Track one camera within one epoch."""
        self._camera = camera
        self._epoch = epoch
        self._open: Gap | None = None
        self._has_grown = False

    def miss_frame(self, reason: GapReason, seq: int, capture_ns: int) -> list[Gap]:
        """Record that the frame `seq`, captured at `capture_ns`, is not sent."""
        span = SeqSpan(seq, seq)
        self._has_grown = True
        gap = self._open
        if gap is not None and gap.reason is reason and gap.seqs is not None and gap.seqs.last == seq - 1:
            seqs = SeqSpan(gap.seqs.first, seq)
            self._open = replace(gap, end_ns=max(gap.end_ns, capture_ns), seqs=seqs, frames=gap.frames + 1)
            return self._cut()
        done = self.close()
        self._open = self._begin(reason, capture_ns, span, frames=1)
        return done

    def miss_time(self, reason: GapReason, start_ns: int, now_ns: int) -> list[Gap]:
        """Record that nothing was captured since `start_ns`, until `now_ns` so far."""
        done: list[Gap] = []
        if self._open is None or self._open.reason is not reason or self._open.seqs is not None:
            done = self.close()
            self._open = self._begin(reason, start_ns, None, frames=0)
        self._open = replace(self._open, end_ns=max(self._open.start_ns, now_ns))
        return done + self._cut()

    def close(self, end_ns: int | None = None) -> list[Gap]:
        """End the open gap, at `end_ns` if that is later: data follows."""
        gap, self._open = self._open, None
        if gap is None:
            return []
        return [gap if end_ns is None else replace(gap, end_ns=max(gap.end_ns, end_ns))]

    def close_idle(self) -> list[Gap]:
        """End the open gap if it has not grown since the last call."""
        has_grown, self._has_grown = self._has_grown, False
        return [] if has_grown else self.close()

    def _begin(self, reason: GapReason, start_ns: int, seqs: SeqSpan | None, frames: int) -> Gap:
        return Gap(self._camera, self._epoch, start_ns, start_ns, reason, seqs, frames, new_gap_id())

    def _cut(self) -> list[Gap]:
        """Close the open gap once it is a piece long, and go on where it ends."""
        gap = self._open
        if gap is None or gap.end_ns - gap.start_ns < PIECE_NS:
            return []
        self._open = None if gap.seqs is not None else self._begin(gap.reason, gap.end_ns, None, frames=0)
        return [gap]
