"""What the gateway says, and who has to know."""

from collections.abc import Sequence
from typing import Protocol

import structlog

from edge.gaps import GapReason, SeqSpan
from edge.link_clock import LinkClock
from edge.metrics import EdgeMetrics
from edge.ring_link import RingLink
from edge.session import UplinkSession
from shared_models.errors import RefusedError
from slimstream.v1 import ingest_pb2

log = structlog.get_logger(part="edge.uplink")


class PullTaker(Protocol):
    """Who answers pulls."""

    def request(self, pull: ingest_pb2.Pull) -> None:
        """Take a pull."""
        ...


class SettingsTaker(Protocol):
    """Who changes cameras."""

    def request(self, settings: ingest_pb2.Settings) -> None:
        """Take a change."""
        ...


class Incoming:
    """Takes each message of the gateway to the session, the ring, the clock, the directions or the pulls."""

    def __init__(
        self,
        session: UplinkSession,
        ring: RingLink,
        clock: LinkClock,
        pulls: PullTaker,
        *,
        directions: SettingsTaker,
        metrics: EdgeMetrics,
    ) -> None:
        """Take who has to know."""
        self._session = session
        self._ring = ring
        self._clock = clock
        self._pulls = pulls
        self._directions = directions
        self._metrics = metrics

    def welcome(self, welcome: ingest_pb2.Welcome) -> None:
        """Take the first message: what the gateway has already, what it accepts, and the first credit."""
        for index, camera in enumerate(welcome.cameras):
            if not camera.accepted_models:
                log.error("camera_refused", camera=camera.camera, reason=camera.refusal)
                self._session.refuse(index)
            through = camera.stored_through_seq if camera.HasField("stored_through_seq") else None
            spans = [SeqSpan(stored.first, stored.last) for stored in camera.stored]
            self._acknowledge(index, None, through, spans, ())
        self._session.credited(welcome.credit.bytes, welcome.credit.frames)

    def take(self, response: ingest_pb2.StreamResponse) -> None:
        """Take any later message; raise RefusedError for a rejection that ends the connection."""
        match response.WhichOneof("message"):
            case "ack":
                ack = response.ack
                through = ack.through_seq if ack.HasField("through_seq") else None
                spans = [SeqSpan(span.first, span.last) for span in ack.ranges]
                self._acknowledge(ack.camera_index, ack.epoch, through, spans, list(ack.gap_ids))
            case "credit":
                self._session.credited(response.credit.bytes, response.credit.frames)
                self._ring.changed.set()
            case "pull":
                self._pulls.request(response.pull)
            case "clock":
                self._clock.replied(response.clock)
            case "settings":
                self._directions.request(response.settings)
            case "reject":
                self._rejected(response.reject)
            case _:
                pass  # Keyframe: every packet of revision 1 is one. Others are from the future.

    def _acknowledge(
        self,
        index: int,
        epoch: int | None,
        through_seq: int | None,
        spans: Sequence[SeqSpan],
        gap_ids: Sequence[bytes],
    ) -> None:
        spans = [span for span in spans if span.first <= span.last]
        settled = self._session.acknowledged(index, epoch, through_seq, spans, gap_ids)
        if settled is not None:
            self._ring.settle(settled)

    def _rejected(self, reject: ingest_pb2.Reject) -> None:
        """Count a refusal; a frame that will never be stored becomes a gap instead of being sent for ever."""
        self._metrics.rejects.labels(reject.reason or "unknown").inc()
        log.warning("message_rejected", reason=reject.reason, detail=reject.detail, is_fatal=reject.is_fatal)
        name = self._session.name_of(reject.camera_index)
        if name is not None and reject.HasField("camera_index") and reject.HasField("seq"):
            self._ring.lose(name, reject.seq, GapReason.ENCODE_FAILED)
        if reject.is_fatal:
            raise RefusedError(f"the gateway refused the agent: {reject.reason}: {reject.detail}")
