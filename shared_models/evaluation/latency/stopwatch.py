"""Timing that noise cannot take sides in: everything takes turns, and each is tried many times."""

import gc
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

BURST: Final = 3
"""Calls a turn, one after the other: all but the first find their code and weights in the caches."""


@dataclass(frozen=True, slots=True)
class Action(Generic[K]):
    """Something to time; `run` takes the number of a frame."""

    key: K
    run: Callable[[int], object]
    frames: int = 1
    """Frames that one call works on. A call on more than one has one turn a round, and starts at frame 0."""


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds a frame."""

    best_ms: float
    """Each frame's best, averaged over frames."""
    median_ms: float
    """Over everything."""
    processor_ms: float
    """Each frame's least processor time of the whole process, averaged over frames."""


@dataclass(slots=True)
class _Samples:
    wall_ns: dict[int, list[int]] = field(default_factory=dict)
    busy_ns: dict[int, list[int]] = field(default_factory=dict)

    def times(self) -> Times:
        every = [sample for samples in self.wall_ns.values() for sample in samples]
        return Times(
            fmean(min(samples) for samples in self.wall_ns.values()) / 1e6,
            median(every) / 1e6,
            fmean(min(samples) for samples in self.busy_ns.values()) / 1e6,
        )


def take_turns(
    actions: Sequence[Action[K]], frames: int, rounds: int, on_round: Callable[[], None]
) -> Mapping[K, Times]:
    """Run every action on every frame `rounds` times, all of them in each round, and time each.

    The garbage collector rests meanwhile. Every action runs once before anything is timed.
    """
    samples = {action.key: _Samples() for action in actions}
    for action in actions:
        action.run(0)
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for frame in range(frames):
                for action in actions:
                    if frame == 0 or action.frames == 1:
                        _time(action, frame, samples[action.key])
            on_round()
    finally:
        if was_enabled:
            gc.enable()
    return {key: found.times() for key, found in samples.items()}


def _time(action: Action[K], frame: int, samples: _Samples) -> None:
    wall = samples.wall_ns.setdefault(frame, [])
    busy = samples.busy_ns.setdefault(frame, [])
    for _ in range(BURST if action.frames == 1 else 1):
        began, began_busy = time.perf_counter_ns(), time.process_time_ns()
        action.run(frame)
        ended_busy, ended = time.process_time_ns(), time.perf_counter_ns()
        wall.append((ended - began) // action.frames)
        busy.append((ended_busy - began_busy) // action.frames)
