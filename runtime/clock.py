"""Clocks: what time it is, how far another machine's clock is off, and whether a clock was stepped.

Wall time names moments to people, monotonic time measures; only the two together, with the boot they belong
to, tell a stepped clock from a pause.
"""

import time
import uuid
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

STEP_NS_MIN: Final = 128_000_000
"""A smaller change of wall against monotonic time is slewing, not a step: NTP's own threshold (RFC 5905)."""

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """Where time comes from; tests pass a ManualClock."""

    @property
    def boot_id(self) -> str:
        """Name of the boot that monotonic time counts from: 16 hex digits."""
        ...

    def wall_ns(self) -> int:
        """Unix time in nanoseconds."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds that never go back within a boot."""
        ...


class SystemClock:
    """The machine's clocks."""

    def __init__(self) -> None:
        """Read the boot id once; where the system names none, this process counts as a boot of its own."""
        try:
            boot = _BOOT_ID.read_text().strip().replace("-", "")
        except OSError:
            boot = uuid.uuid4().hex
        self._boot_id = boot[:16]

    @property
    def boot_id(self) -> str:
        """First 16 hex digits of the kernel's boot id."""
        return self._boot_id

    def wall_ns(self) -> int:
        """Unix time in nanoseconds."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """CLOCK_MONOTONIC in nanoseconds."""
        return time.monotonic_ns()


class ManualClock:
    """A clock that moves only when told; for tests."""

    def __init__(
        self, wall_ns: int = 1_700_000_000_000_000_000, monotonic_ns: int = 0, boot_id: str = "0" * 16
    ) -> None:
        """Start at the given times."""
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self.boot_id = boot_id

    def wall_ns(self) -> int:
        """Unix time in nanoseconds."""
        return self._wall_ns

    def monotonic_ns(self) -> int:
        """Nanoseconds since the start."""
        return self._monotonic_ns

    def advance(self, elapsed_ns: int) -> None:
        """Let both clocks run."""
        self._wall_ns += elapsed_ns
        self._monotonic_ns += elapsed_ns

    def step(self, step_ns: int) -> None:
        """Set the wall clock forward or back, as an operator or NTP would."""
        self._wall_ns += step_ns


class StepDetector:
    """Tells when wall time has jumped against monotonic time. Sans-I/O."""

    def __init__(self, step_ns_min: int = STEP_NS_MIN) -> None:
        """Take jumps of at least `step_ns_min` for steps."""
        self._step_ns_min = step_ns_min
        self._base_ns: int | None = None
        self._boot_id = ""

    def observe(self, wall_ns: int, monotonic_ns: int, boot_id: str) -> int:
        """Return how many nanoseconds the wall clock was stepped by since the last call, or 0.

        Slow drift is followed and never adds up to a step. A new boot starts over.
        """
        base_ns = wall_ns - monotonic_ns
        previous_ns, self._base_ns = self._base_ns, base_ns
        is_same_boot, self._boot_id = boot_id == self._boot_id, boot_id
        if previous_ns is None or not is_same_boot or abs(base_ns - previous_ns) < self._step_ns_min:
            return 0
        return base_ns - previous_ns


@dataclass(frozen=True, slots=True)
class OffsetEstimate:
    """The peer's clock is ahead of ours by offset_ns ± uncertainty_ns, as a round trip told."""

    offset_ns: int
    uncertainty_ns: int
    round_trip_ns: int


class ClockOffset:
    """Estimates a peer's clock offset from exchanges, as NTP's clock filter does. Sans-I/O.

    Of the last samples the one with the shortest round trip counts, because queues only ever add delay. Its
    offset is wrong by at most half its round trip, plus what two clocks drift apart since it was taken.
    """

    DRIFT_PPM: Final = 100
    """How fast two unsynchronised crystals may part, in parts per million, both sides together."""

    def __init__(self, samples_max: int = 8) -> None:
        """Remember the last `samples_max` exchanges."""
        self._samples: deque[tuple[int, int, int]] = deque(maxlen=samples_max)  # offset, round trip, taken at

    def add(self, sent_ns: int, received_ns: int, replied_ns: int, returned_ns: int) -> None:
        """Add one exchange.

        `sent_ns` and `returned_ns` are our clock when the request left and the reply came; `received_ns` and
        `replied_ns` are the peer's when the request came and the reply left. Exchanges that no two steady
        clocks could have had are ignored.
        """
        round_trip_ns = (returned_ns - sent_ns) - (replied_ns - received_ns)
        if round_trip_ns < 0 or returned_ns < sent_ns or replied_ns < received_ns:
            return
        offset_ns = ((received_ns - sent_ns) + (replied_ns - returned_ns)) // 2
        self._samples.append((offset_ns, round_trip_ns, returned_ns))

    def reset(self) -> None:
        """Forget everything: one of the clocks was stepped."""
        self._samples.clear()

    def estimate(self, now_ns: int) -> OffsetEstimate | None:
        """Return the best estimate at our time `now_ns`; None before the first exchange."""
        estimates = [
            OffsetEstimate(offset, round_trip // 2 + self._drift_ns(now_ns - taken_ns), round_trip)
            for offset, round_trip, taken_ns in self._samples
        ]
        return min(estimates, key=lambda e: e.uncertainty_ns, default=None)

    def _drift_ns(self, elapsed_ns: int) -> int:
        return abs(elapsed_ns) * self.DRIFT_PPM // 1_000_000
