"""Changes of settings that agents were asked for and have not answered yet. Used in the event loop only."""

import asyncio
import uuid
from typing import Final

from cloud.live import LiveAgent, LiveAgents
from shared_models.errors import LinkError, RefusedError
from slimstream.v1.ingest_pb2 import Settings, SettingsInForce, StreamResponse

_PER_AGENT_MAX: Final = 16
_REFUSAL_CHARACTERS_MAX: Final = 300


class Directions:
    """Asks agents to change what their cameras send, and matches what they answer."""

    def __init__(self, live: LiveAgents) -> None:
        """Ask the agents in `live`."""
        self._live = live
        self._asked: dict[str, tuple[LiveAgent, asyncio.Future[SettingsInForce]]] = {}

    async def change(self, camera: str, settings: Settings, timeout_s: float) -> SettingsInForce:
        """Pass `settings` on to the camera's agent and return what is in force once it has kept them.

        Raises:
            RefusedError: the agent cannot do what is asked.
            LinkError: no agent, too many changes under way, or no answer in time.
        """
        agent = self._live.of_camera(camera)
        if agent is None:
            raise LinkError(f"the agent of camera {camera} is not connected; try again when it is")
        if sum(asked is agent for asked, _ in self._asked.values()) >= _PER_AGENT_MAX:
            raise LinkError(f"agent {agent.name} has {_PER_AGENT_MAX} changes to answer already; try later")
        settings.settings_id = uuid.uuid4().hex
        settings.camera_index = agent.index_of(camera)
        answered: asyncio.Future[SettingsInForce] = asyncio.get_running_loop().create_future()
        self._asked[settings.settings_id] = agent, answered
        try:
            agent.stream.send(StreamResponse(settings=settings))
            async with asyncio.timeout(timeout_s):
                answer = await answered
        except TimeoutError:
            raise LinkError(
                f"agent {agent.name} did not answer within {timeout_s:g} s, and may change later; ask again"
            ) from None
        finally:
            del self._asked[settings.settings_id]
        if answer.refusal:
            raise RefusedError(answer.refusal[:_REFUSAL_CHARACTERS_MAX])
        return answer

    def answered(self, agent: LiveAgent, answer: SettingsInForce) -> None:
        """Take an agent's answer; one that nobody waits for is too late, and passed over."""
        asked, future = self._asked.get(answer.settings_id, (None, None))
        if asked is agent and future is not None and not future.done():
            future.set_result(answer)

    def fail_agent(self, agent: LiveAgent) -> None:
        """End every wait for an agent that has gone."""
        for asked, future in self._asked.values():
            if asked is agent and not future.done():
                future.set_exception(LinkError(f"agent {agent.name} has disconnected; try again"))
