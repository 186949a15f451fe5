"""How each camera is doing, as its threads see it and as status messages and metrics tell it."""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

_RATE_WINDOW_FRAMES: Final = 32


@dataclass(frozen=True, slots=True)
class Health:
    """One camera at one moment."""

    is_up: bool
    has_ended: bool
    last_error: str
    frames_per_second: float


class CameraHealth:
    """What a camera's capture thread and the encoders note. Thread-safe."""

    def __init__(self) -> None:
        """Start down, with nothing seen."""
        self._lock = threading.Lock()
        self._is_up = False
        self._has_ended = False
        self._last_error = ""
        self._coded_s: deque[float] = deque(maxlen=_RATE_WINDOW_FRAMES)

    @property
    def is_up(self) -> bool:
        """Whether the source gives pictures."""
        with self._lock:
            return self._is_up

    @property
    def has_ended(self) -> bool:
        """Whether a file came to its end, and is not played again."""
        with self._lock:
            return self._has_ended

    def up(self) -> None:
        """Note that the source gives pictures."""
        with self._lock:
            self._is_up, self._last_error = True, ""

    def down(self, error: str) -> None:
        """Note that the source failed."""
        with self._lock:
            self._is_up, self._last_error = False, error

    def ended(self) -> None:
        """Note that a file came to its end, and is not played again."""
        with self._lock:
            self._is_up, self._has_ended = False, True

    def coded(self, now_s: float) -> None:
        """Note a coded frame at `now_s` on a monotonic clock."""
        with self._lock:
            self._coded_s.append(now_s)

    def at(self, now_s: float) -> Health:
        """Return the camera's health; the rate is of coded frames, over the last few of them."""
        with self._lock:
            window_s = now_s - self._coded_s[0] if self._coded_s else 0.0
            rate = (len(self._coded_s) - 1) / window_s if len(self._coded_s) > 1 and window_s > 0 else 0.0
            return Health(self._is_up, self._has_ended, self._last_error, rate)
