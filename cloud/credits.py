"""How much one stream may send: a window in bytes and frames, refilled no faster than a rate."""

from dataclasses import dataclass
from typing import Final

_NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to send this much more."""

    payload_bytes: int
    frames: int


class CreditWindow:
    """Credits of one stream. What is spent comes back when it is settled, at most at `bytes_per_second`.

    A peer that keeps to its credits holds at most one window in flight; one that sends more than another
    whole window beyond them does not keep to the protocol.
    """

    def __init__(self, window_bytes: int, window_frames: int, bytes_per_second: int, now_ns: int) -> None:
        """Open a window; `now_ns` is any clock that never steps back."""
        self._window = Grant(window_bytes, window_frames)
        self._bytes_per_second = bytes_per_second
        self._left_bytes = 0
        self._left_frames = 0
        self._owed_bytes = window_bytes
        self._owed_frames = window_frames
        self._allowance_bytes = float(window_bytes)
        self._refilled_ns = now_ns
        self._is_held_back = False

    def spend(self, payload_bytes: int) -> bool:
        """Take the price of one frame; False if the peer is beyond its credits by more than a window."""
        self._left_bytes -= payload_bytes
        self._left_frames -= 1
        return self._left_bytes >= -self._window.payload_bytes and self._left_frames >= -self._window.frames

    def settle(self, payload_bytes: int, frames: int = 1) -> None:
        """Note that what was spent is out of the way, so that it may be granted again."""
        self._owed_bytes += payload_bytes
        self._owed_frames += frames

    def grant(self, now_ns: int) -> Grant | None:
        """Return what may be granted now; None while it is nothing, or too little to be worth a message."""
        self._refill(now_ns)
        payload_bytes = min(self._owed_bytes, int(self._allowance_bytes))
        self._is_held_back = self._is_due and payload_bytes < self._owed_bytes
        if not self._is_due or (payload_bytes == 0 and self._is_held_back):
            return None  # frames without bytes would be of no use: wait for the rate
        granted = Grant(payload_bytes, self._owed_frames)
        self._allowance_bytes -= payload_bytes
        self._owed_bytes -= payload_bytes
        self._owed_frames = 0
        self._left_bytes += granted.payload_bytes
        self._left_frames += granted.frames
        return granted

    @property
    def is_held_back(self) -> bool:
        """Whether the rate alone kept the last `grant` from giving all, so that it is worth asking again."""
        return self._is_held_back

    @property
    def _is_due(self) -> bool:
        """Whether a quarter of the window is owed, or something is and the peer has nothing left."""
        is_starved = self._left_bytes <= 0 or self._left_frames <= 0
        is_much = (
            self._owed_bytes * 4 >= self._window.payload_bytes or self._owed_frames * 4 >= self._window.frames
        )
        return is_much or (is_starved and (self._owed_bytes > 0 or self._owed_frames > 0))

    def _refill(self, now_ns: int) -> None:
        elapsed_ns = max(0, now_ns - self._refilled_ns)
        self._refilled_ns = now_ns
        earned = self._bytes_per_second * elapsed_ns / _NS_PER_S
        self._allowance_bytes = min(float(self._window.payload_bytes), self._allowance_bytes + earned)
