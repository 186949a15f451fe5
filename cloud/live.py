"""Which agents are connected now, and what they last said about themselves."""

from dataclasses import dataclass, field
from typing import Protocol

from cloud.greeting import CameraEpoch
from slimstream.v1.ingest_pb2 import AgentStatus, CameraStatus, StreamResponse


class LiveStream(Protocol):
    """An agent's open stream, as the rest of the cloud uses it; belongs to the event loop."""

    def send(self, message: StreamResponse) -> None:
        """Queue a message to the agent."""
        ...

    def replace(self) -> None:
        """End the stream because the same agent has connected again."""
        ...


@dataclass(slots=True)
class LiveAgent:
    """A connected agent; its identity is that of its newest stream."""

    name: str
    stream: LiveStream
    cameras: tuple[CameraEpoch, ...]
    statuses: dict[str, CameraStatus] = field(default_factory=dict)
    clock_offset_ns: int | None = None


class LiveAgents:
    """Agents by name and by camera. Used in the event loop only."""

    def __init__(self) -> None:
        """Start with nobody connected."""
        self._agents: dict[str, LiveAgent] = {}
        self._by_camera: dict[str, LiveAgent] = {}

    def __len__(self) -> int:
        return len(self._agents)

    def join(self, agent: LiveAgent) -> None:
        """Enter an agent; an older stream of the same agent, or of its cameras, is ended."""
        older = {id(known): known for known in self._claimants(agent)}
        for known in older.values():
            self.leave(known)
            known.stream.replace()
        self._agents[agent.name] = agent
        for key in agent.cameras:
            self._by_camera[key.camera] = agent

    def leave(self, agent: LiveAgent) -> None:
        """Take an agent out, unless a newer stream has taken its place."""
        if self._agents.get(agent.name) is agent:
            del self._agents[agent.name]
        for key in agent.cameras:
            if self._by_camera.get(key.camera) is agent:
                del self._by_camera[key.camera]

    def is_connected(self, agent: str) -> bool:
        """Whether an agent of this name is connected."""
        return agent in self._agents

    def of_camera(self, camera: str) -> LiveAgent | None:
        """Return the connected agent that has a camera."""
        return self._by_camera.get(camera)

    def _claimants(self, agent: LiveAgent) -> list[LiveAgent]:
        known = [self._by_camera[key.camera] for key in agent.cameras if key.camera in self._by_camera]
        return [self._agents[agent.name], *known] if agent.name in self._agents else known


def note_status(agent: LiveAgent, status: AgentStatus) -> None:
    """Keep what an agent says about those cameras that are its own."""
    own = {key.camera for key in agent.cameras}
    agent.statuses = {said.camera: said for said in status.cameras if said.camera in own}
