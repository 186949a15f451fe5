"""Layers that were asked of agents and have not come yet. Used in the event loop only."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cloud.live import LiveAgent, LiveAgents
from cloud.rejects import RejectedError, RejectReason
from cloud.worker import frame_message
from shared_models.errors import LinkError
from shared_models.frames import FrameId
from slimstream.v1.frame_pb2 import Layer
from slimstream.v1.ingest_pb2 import Pull, PullRefused, StreamResponse

_PER_AGENT_MAX: Final = 16


class PullNotHeldError(LinkError):
    """The agent does not hold the frame any more; `nearest` are those it does."""

    def __init__(self, message: str, nearest: tuple[FrameId, ...]) -> None:
        """Take the sentence and the alternatives."""
        super().__init__(message)
        self.nearest = nearest


class PullFailedError(LinkError):
    """The agent is not connected, is too busy, or could not make the layer."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Names a layer: a second request for the same joins the first. None is the agent's own quality."""

    frame_id: FrameId
    layer: Layer.ValueType
    quality_code: int | None


@dataclass(slots=True, eq=False)
class PendingPull:
    """One layer on its way."""

    pull_id: str
    agent: LiveAgent
    wanted: Wanted
    arrived: asyncio.Future[None] = field(default_factory=asyncio.Future)
    waiters: int = 0


class Pulls:
    """Asks agents for layers and matches what they answer."""

    def __init__(self, live: LiveAgents, on_outcome: Callable[[str], None]) -> None:
        """Ask the agents in `live`; call `on_outcome` with how each pull ended."""
        self._live = live
        self._on_outcome = on_outcome
        self._by_id: dict[str, PendingPull] = {}
        self._by_wanted: dict[Wanted, PendingPull] = {}

    async def pull(self, wanted: Wanted, timeout_s: float) -> None:
        """Return when the layer is stored.

        Raises:
            PullNotHeldError: the agent no longer holds the frame.
            PullFailedError: no agent, no answer in time, or the agent could not.
        """
        pending = self._by_wanted.get(wanted) or self._ask(wanted)
        pending.waiters += 1
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(pending.arrived)
        except TimeoutError:
            self._on_outcome("timeout")
            raise PullFailedError(
                f"agent {pending.agent.name} did not deliver {wanted.frame_id} within {timeout_s:g} s; "
                "try again, or allow more time"
            ) from None
        finally:
            pending.waiters -= 1
            if pending.waiters == 0:
                self._forget(pending)

    def expect(self, pull_id: str) -> PendingPull:
        """Return what a delivery answers; raise RejectedError if nobody waits for it."""
        pending = self._by_id.get(pull_id)
        if pending is None:
            raise RejectedError(RejectReason.PULL_UNKNOWN, f"nobody waits for pull {pull_id[:64]!r} any more")
        return pending

    def complete(self, pending: PendingPull) -> None:
        """Note that a pulled layer is stored."""
        self._forget(pending)
        self._on_outcome("delivered")
        if not pending.arrived.done():
            pending.arrived.set_result(None)

    def fail(self, pending: PendingPull, error: LinkError) -> None:
        """Tell those who wait that the layer will not come."""
        self._forget(pending)
        self._on_outcome("not_held" if isinstance(error, PullNotHeldError) else "failed")
        if not pending.arrived.done():
            pending.arrived.set_exception(error)
            pending.arrived.exception()  # nobody may be waiting any more

    def fail_agent(self, agent: LiveAgent) -> None:
        """Tell everybody who waits for an agent that it has gone."""
        for pending in [pending for pending in self._by_id.values() if pending.agent is agent]:
            detail = f"agent {agent.name} disconnected before it delivered; try again"
            self.fail(pending, PullFailedError(detail))

    def refused(self, answer: PullRefused) -> None:
        """Take an agent's refusal; raise RejectedError if nobody waits for it."""
        pending = self.expect(answer.pull_id)
        nearest = tuple(FrameId(near.camera, near.epoch, near.seq) for near in answer.nearest)
        reason = answer.reason[:300] or "the agent gave no reason"
        error = PullNotHeldError(reason, nearest) if answer.is_not_held else PullFailedError(reason)
        self.fail(pending, error)

    def _ask(self, wanted: Wanted) -> PendingPull:
        agent = self._live.of_camera(wanted.frame_id.camera)
        if agent is None:
            self._on_outcome("not_connected")
            raise PullFailedError(
                f"the agent of camera {wanted.frame_id.camera} is not connected; a preview needs no agent"
            )
        if sum(pending.agent is agent for pending in self._by_id.values()) >= _PER_AGENT_MAX:
            raise PullFailedError(
                f"agent {agent.name} has {_PER_AGENT_MAX} pulls to answer already; try later"
            )
        pending = PendingPull(uuid.uuid4().hex, agent, wanted)
        self._by_id[pending.pull_id] = self._by_wanted[wanted] = pending
        pull = Pull(pull_id=pending.pull_id, frame=frame_message(wanted.frame_id), layer=wanted.layer)
        if wanted.quality_code is not None:
            pull.quality = wanted.quality_code / 32
        agent.stream.send(StreamResponse(pull=pull))
        return pending

    def _forget(self, pending: PendingPull) -> None:
        self._by_id.pop(pending.pull_id, None)
        if self._by_wanted.get(pending.wanted) is pending:
            del self._by_wanted[pending.wanted]
