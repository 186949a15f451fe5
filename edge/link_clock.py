"""The edge's half of an NTP-like exchange: how far is the gateway's clock ahead, was ours stepped?"""

from runtime.clock import Clock, ClockOffset, OffsetEstimate, StepDetector
from slimstream.v1 import ingest_pb2


class LinkClock:
    """Makes samples, takes replies. Every connection goes on with what earlier ones found."""

    def __init__(self, clock: Clock) -> None:
        """Measure `clock` against the gateway's."""
        self._clock = clock
        self._offset = ClockOffset()
        self._steps = StepDetector()

    def sample(self) -> ingest_pb2.ClockSample:
        """Return the next question, with what is known so far."""
        now_ns = self._clock.wall_ns()
        is_stepped = self._steps.observe(now_ns, self._clock.monotonic_ns(), self._clock.boot_id) != 0
        if is_stepped:
            self._offset.reset()
        message = ingest_pb2.ClockSample(sent_ns=now_ns, is_stepped=is_stepped)
        if (estimate := self._offset.estimate(now_ns)) is not None:
            message.offset_ns = estimate.offset_ns
            message.uncertainty_ns = estimate.uncertainty_ns
        return message

    def replied(self, reply: ingest_pb2.ClockReply) -> None:
        """Take the gateway's answer, just come."""
        self._offset.add(reply.sent_ns, reply.received_ns, reply.replied_ns, self._clock.wall_ns())

    def estimate(self) -> OffsetEstimate | None:
        """Return cloud minus edge, as far as it is known."""
        return self._offset.estimate(self._clock.wall_ns())
