"""Which frames are worth coding: the frame rate, and whether anything changed. Sans-I/O."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared_models.frames import Pixels

_GRID: Final = (16, 12)
"""Cells across and down. A cell of a 640×480 picture averages 1,600 pixels: sensor noise falls forty-fold."""
_RATE_SLACK: Final = 0.1
"""Part of a period that a frame may come early, so that a jittering 30 Hz camera still gives 10 Hz."""
_STAY_OPEN_RATIO: Final = 0.5
"""An open gate closes below this part of the threshold that opened it."""


class RateLimiter:
    """Lets at most so many frames a second pass, evenly."""

    def __init__(self, frames_per_second: float) -> None:
        """Take the wanted rate."""
        self.set_rate(frames_per_second)

    def set_rate(self, frames_per_second: float) -> None:
        """Change the rate; the next frame passes."""
        self._period_s = 1 / frames_per_second
        self._due_s: float | None = None

    def admits(self, now_s: float) -> bool:
        """Say whether the frame of `now_s` passes; a time far behind the last (a loop) starts afresh."""
        if self._due_s is not None and self._due_s - 2 * self._period_s < now_s:
            if now_s < self._due_s - _RATE_SLACK * self._period_s:
                return False
            late_s = now_s - self._due_s
            self._due_s += self._period_s if late_s < self._period_s else late_s + self._period_s
            return True
        self._due_s = now_s + self._period_s
        return True


class Reason(StrEnum):
    """Why the gate decided as it did."""

    FIRST = "first"
    CHANGE = "change"
    HOLD = "hold"
    INTERVAL = "interval"
    STILL = "still"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate says of one frame: `score` is 0 (same as the last sent) to 1."""

    score: float
    reason: Reason

    @property
    def is_open(self) -> bool:
        """Whether the frame is to be sent."""
        return self.reason is not Reason.STILL


@dataclass(frozen=True, slots=True)
class GateRules:
    """When a frame counts as changed.

    `threshold` is a score from 0 (every frame passes) to 1; an open gate stays open until the score has been
    under half the threshold for `hold_s`; a still scene is sent every `interval_s_max` all the same.
    """

    threshold: float
    hold_s: float
    interval_s_max: float


class ChangeGate:
    """Compares each frame with the last one sent.

    The score is the largest change of any cell of a coarse grid, less the change of the whole picture:
    something small that moves opens the gate, a cloud or the camera's exposure does not.
    """

    def __init__(self, rules: GateRules) -> None:
        """Take the rules."""
        self._rules = rules
        self._sent: NDArray[np.float32] | None = None
        self._sent_s = 0.0
        self._changed_s: float | None = None

    def decide(self, pixels: Pixels, now_s: float) -> Decision:
        """Judge the (H, W, 3) picture taken at `now_s` on a clock that never steps back."""
        grid = _grid_of(pixels)
        score = 0.0 if self._sent is None else _score(grid, self._sent)
        decision = Decision(score, self._reason(score, now_s))
        if decision.is_open:
            self._sent, self._sent_s = grid, now_s
        return decision

    def _reason(self, score: float, now_s: float) -> Reason:
        if self._sent is None:
            return Reason.FIRST
        is_holding = self._changed_s is not None
        if score >= self._rules.threshold * (_STAY_OPEN_RATIO if is_holding else 1.0):
            self._changed_s = now_s
            return Reason.CHANGE
        if self._changed_s is not None and now_s - self._changed_s < self._rules.hold_s:
            return Reason.HOLD
        self._changed_s = None
        return Reason.INTERVAL if now_s - self._sent_s >= self._rules.interval_s_max else Reason.STILL


def _grid_of(pixels: Pixels) -> NDArray[np.float32]:
    """(H, W, 3) uint8 -> (12, 16) float32 brightness in [0, 1], each cell averaged over its area."""
    grey = Image.fromarray(pixels).convert("L").convert("F")  # averages need more than eight bits
    cells = np.asarray(grey.resize(_GRID, Image.Resampling.BOX), np.float32)
    return np.multiply(cells, np.float32(1 / 255), dtype=np.float32)


def _score(grid: NDArray[np.float32], sent: NDArray[np.float32]) -> float:
    change = grid - sent
    return float(min(1.0, np.abs(change - np.median(change)).max()))
