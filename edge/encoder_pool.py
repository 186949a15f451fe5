"""A few threads that code frames for all cameras, in turn."""

import threading
from collections import deque
from typing import Protocol

import structlog

log = structlog.get_logger(part="edge.encoder")


class Worklist(Protocol):
    """Something with pictures to process, such as a camera."""

    name: str

    def process_next(self) -> bool:
        """Process one picture; False if none waits."""
        ...


class EncoderPool:
    """Takes one picture of each waiting camera after the other, so that none can starve the rest."""

    def __init__(self, workers: int) -> None:
        """Start `workers` threads."""
        self._waiting: deque[Worklist] = deque()
        self._scheduled: set[str] = set()
        """Cameras that wait or are being worked on: never by two threads at once."""
        self._woken_again: set[str] = set()
        self._changed = threading.Condition()
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._run, name=f"encoder-{index}", daemon=True)
            for index in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def wake(self, camera: Worklist) -> None:
        """Say that `camera` has a picture."""
        with self._changed:
            if camera.name in self._scheduled:
                self._woken_again.add(camera.name)
            else:
                self._scheduled.add(camera.name)
                self._waiting.append(camera)
                self._changed.notify()

    def close(self) -> None:
        """Process what waits, and end the threads."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (camera := self._next()) is not None:
            try:
                has_worked = camera.process_next()
            except Exception:  # a bug in one camera's frame must not end the coding of all
                log.exception("frame_lost", camera=camera.name)
                has_worked = True
            with self._changed:
                if has_worked or camera.name in self._woken_again:
                    self._woken_again.discard(camera.name)
                    self._waiting.append(camera)
                    self._changed.notify()
                else:
                    self._scheduled.discard(camera.name)

    def _next(self) -> Worklist | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            return self._waiting.popleft() if self._waiting else None
