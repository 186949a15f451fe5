"""Who hands frames to workers: a narrow protocol, and the queue inside one process.

The queue is a hint and the index is the truth: what is not queued (a restart, a full queue) is found there
again, so nothing here is durable.
"""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from runtime.segment_log.record import RecordId
from shared_models.frames import FrameId


class Shape(NamedTuple):
    """What frames of one batch have in common."""

    model: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Job:
    """A stored frame that the paths have not seen."""

    frame_id: FrameId
    shape: Shape
    base: RecordId
    stored_ns: int
    """When its packet became durable, on the cloud's wall clock; 0 for a frame found in the index."""


class Broker(Protocol):
    """Where gateways leave jobs and workers claim them."""

    def publish(self, job: Job) -> bool:
        """Offer a job; False if there is no room, and it must be found in the index later."""
        ...

    def claim(self, batch_max: int, wait_s: float) -> Sequence[Job]:
        """Take up to `batch_max` jobs of one shape; empty if none came within `wait_s`."""
        ...

    def finish(self, jobs: Sequence[Job], *, are_stored: bool = True) -> None:
        """Note that claimed jobs have their outcome in the store, or that they must be found again later."""
        ...


class LocalBroker:
    """A bounded queue a shape; the shape whose first job has waited longest is served first."""

    def __init__(self, capacity: int) -> None:
        """Hold at most `capacity` jobs, those being worked on included."""
        self._capacity = capacity
        self._queues: dict[Shape, deque[tuple[int, Job]]] = {}
        self._held: set[FrameId] = set()
        self._arrivals = 0
        self._has_refused = False
        self._changed = threading.Condition()

    def publish(self, job: Job) -> bool:
        """Queue a job unless the frame is queued or worked on already."""
        with self._changed:
            if job.frame_id in self._held:
                return True
            if len(self._held) >= self._capacity:
                self._has_refused = True
                return False
            self._held.add(job.frame_id)
            self._arrivals += 1
            self._queues.setdefault(job.shape, deque()).append((self._arrivals, job))
            self._changed.notify()
            return True

    def claim(self, batch_max: int, wait_s: float) -> Sequence[Job]:
        """Take jobs in the order they came."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._queues), wait_s)
            if not self._queues:
                return []
            shape = min(self._queues, key=lambda shape: self._queues[shape][0][0])
            waiting = self._queues[shape]
            claimed = [waiting.popleft()[1] for _ in range(min(batch_max, len(waiting)))]
            if not waiting:
                del self._queues[shape]
            return claimed

    def finish(self, jobs: Sequence[Job], *, are_stored: bool = True) -> None:
        """Make room."""
        with self._changed:
            self._held.difference_update(job.frame_id for job in jobs)
            self._has_refused |= not are_stored

    @property
    def depth(self) -> int:
        """Jobs queued or being worked on."""
        return len(self._held)

    def take_refused(self) -> bool:
        """Whether jobs were refused and there is room for them by now; asking forgets it."""
        with self._changed:
            if not self._has_refused or len(self._held) * 2 > self._capacity:
                return False
            self._has_refused = False
            return True
