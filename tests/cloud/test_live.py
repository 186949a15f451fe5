"""Which agents are connected: only the same agent, or who may write its camera, takes one's place."""

from cloud.greeting import CameraEpoch
from cloud.live import LiveAgent, LiveAgents, note_status
from slimstream.v1.ingest_pb2 import AgentStatus, CameraStatus, StreamResponse


class FakeStream:
    def __init__(self) -> None:
        self.is_replaced = False

    def send(self, message: StreamResponse) -> None:
        raise AssertionError(message)

    def replace(self) -> None:
        self.is_replaced = True


def agent(owner: str, name: str, *cameras: str) -> tuple[LiveAgent, FakeStream]:
    stream = FakeStream()
    return LiveAgent(owner, name, stream, tuple(CameraEpoch(camera, 1) for camera in cameras)), stream


def test_the_same_agent_takes_its_own_place_and_keeps_it_when_the_older_stream_ends() -> None:
    live = LiveAgents()
    (older, older_stream), (newer, _) = agent("token-1", "edge", "door"), agent("token-1", "edge", "door")
    live.join(older)
    live.join(newer)
    assert older_stream.is_replaced
    live.leave(older)
    assert live.of_camera("door") is newer
    live.leave(newer)
    assert live.of_camera("door") is None
    assert len(live) == 0


def test_a_stranger_of_the_same_name_replaces_nobody() -> None:
    live = LiveAgents()
    (own, own_stream), (other, _) = agent("token-1", "edge", "door"), agent("token-2", "edge", "hall")
    live.join(own)
    live.join(other)
    assert not own_stream.is_replaced
    assert live.of_camera("door") is own
    assert live.of_camera("hall") is other


def test_a_camera_belongs_to_the_agent_that_greeted_with_it_last() -> None:
    live = LiveAgents()
    (first, first_stream), (second, _) = agent("a", "edge-1", "door", "hall"), agent("b", "edge-2", "door")
    live.join(first)
    live.join(second)
    assert first_stream.is_replaced
    assert live.of_camera("door") is second
    assert live.of_camera("hall") is None


def test_an_agent_speaks_for_its_own_cameras_alone() -> None:
    live, _ = agent("a", "edge", "door")
    said = [CameraStatus(camera=name, last_error="x" * 9999) for name in ("door", "vault")]
    note_status(live, AgentStatus(cameras=said))
    assert list(live.statuses) == ["door"]
    assert len(live.statuses["door"].last_error) == 300
