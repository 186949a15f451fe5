"""How long to wait before trying again; with jitter, so that a thousand agents do not return at once."""

from dataclasses import dataclass, field
from random import Random


@dataclass(slots=True)
class Backoff:
    """Delays that double up to a limit, each shortened by a random part of it. Sans-I/O.

    Attributes:
        first_s: the first delay, before jitter.
        limit_s: what delays grow to.
        factor: by how much each grows.
        jitter: share of a delay that is drawn at random, 0 to 1.
        random: where jitter comes from; tests pass a seeded one.
    """

    first_s: float = 0.5
    limit_s: float = 30.0
    factor: float = 2.0
    jitter: float = 0.5
    random: Random = field(default_factory=Random)
    attempts: int = field(default=0, init=False)

    def next_s(self) -> float:
        """Return how long to wait now, in seconds, and make the next wait longer."""
        # Past 64 doublings every delay is at its limit, and the power would overflow one day.
        delay_s = min(self.limit_s, self.first_s * self.factor ** min(self.attempts, 64))
        self.attempts += 1
        return delay_s * (1.0 - self.jitter * self.random.random())

    def reset(self) -> None:
        """Start over: the last try worked."""
        self.attempts = 0
