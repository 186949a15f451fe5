"""Which agents are connected now, and what they last said about themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from cloud.greeting import CameraEpoch
from slimstream.v1.ingest_pb2 import AgentStatus, CameraStatus, StreamResponse

_ERROR_CHARACTERS_MAX: Final = 300


class LiveStream(Protocol):
    """An agent's open stream, as the rest of the cloud uses it; belongs to the event loop."""

    def send(self, message: StreamResponse) -> None:
        """Queue a message to the agent."""
        ...

    def replace(self) -> None:
        """Take nothing more and end the stream: the same agent has connected again."""
        ...


@dataclass(slots=True, eq=False)
class LiveAgent:
    """A connected agent. `owner` is who proved to be it: nobody else can take its place by its name."""

    owner: str
    name: str
    stream: LiveStream
    cameras: tuple[CameraEpoch, ...]
    hello_order: tuple[str, ...] = ()
    """All cameras of its Hello, refused ones too: messages name a camera by its place here."""
    statuses: dict[str, CameraStatus] = field(default_factory=dict)
    clock_offset_ns: int | None = None

    def index_of(self, camera: str) -> int:
        """Return the place of one of its cameras in its Hello."""
        return self.hello_order.index(camera)


class LiveAgents:
    """Agents by name and by camera. Used in the event loop only."""

    def __init__(self) -> None:
        """Start with nobody connected."""
        self._agents: dict[tuple[str, str], LiveAgent] = {}
        self._by_camera: dict[str, LiveAgent] = {}

    def __len__(self) -> int:
        return len(self._agents)

    def make_way(self, owner: str, name: str, cameras: Sequence[CameraEpoch]) -> None:
        """End older streams of the same agent, or of a camera of its own; nothing more is taken of them."""
        claimants = [self._by_camera.get(key.camera) for key in cameras]
        claimants.append(self._agents.get((owner, name)))
        for older in {id(known): known for known in claimants if known is not None}.values():
            self.leave(older)
            older.stream.replace()

    def join(self, agent: LiveAgent) -> None:
        """Enter an agent; whoever is in its place makes way."""
        self.make_way(agent.owner, agent.name, agent.cameras)
        self._agents[agent.owner, agent.name] = agent
        for key in agent.cameras:
            self._by_camera[key.camera] = agent

    def leave(self, agent: LiveAgent) -> None:
        """Take an agent out, unless a newer stream has taken its place."""
        if self._agents.get((agent.owner, agent.name)) is agent:
            del self._agents[agent.owner, agent.name]
        for key in agent.cameras:
            if self._by_camera.get(key.camera) is agent:
                del self._by_camera[key.camera]

    def of_camera(self, camera: str) -> LiveAgent | None:
        """Return the connected agent that has a camera."""
        return self._by_camera.get(camera)


def note_status(agent: LiveAgent, status: AgentStatus) -> None:
    """Keep what an agent says about those cameras that are its own."""
    own = {key.camera for key in agent.cameras}
    agent.statuses = {said.camera: said for said in status.cameras if said.camera in own}
    for said in agent.statuses.values():
        said.last_error = said.last_error[:_ERROR_CHARACTERS_MAX]
