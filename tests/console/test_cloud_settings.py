"""`slimstream cloud settings`: what is asked of the cloud, what is said, and what is refused before."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from slimstream.v1.control_pb2 import ChangeSettingsRequest, ChangeSettingsResponse
from slimstream.v1.control_pb2_grpc import CamerasServiceServicer, add_CamerasServiceServicer_to_server
from tests.console.conftest import CommandLine


class ScriptedCameras(CamerasServiceServicer):
    """Keeps the requests; answers what a test has laid out."""

    def __init__(self) -> None:
        self.requests: list[ChangeSettingsRequest] = []
        self.answer = ChangeSettingsResponse(
            quality=30, width=0.25, frames_per_second=5, directed=["quality"]
        )
        self.refusal = ""

    def List(self, request, context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, N802
        raise NotImplementedError

    def ChangeSettings(self, request, context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, N802
        self.requests.append(request)
        if self.refusal:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, self.refusal)
        return self.answer


@pytest.fixture
def cameras() -> ScriptedCameras:
    return ScriptedCameras()


@pytest.fixture
def server(cameras: ScriptedCameras) -> Iterator[str]:
    running = grpc.server(ThreadPoolExecutor(2))
    add_CamerasServiceServicer_to_server(cameras, running)
    port = running.add_insecure_port("127.0.0.1:0")
    running.start()
    yield f"127.0.0.1:{port}"
    running.stop(None).wait()


def test_what_is_in_force_is_said_with_who_set_it(
    slimstream: CommandLine, cameras: ScriptedCameras, server: str
) -> None:
    done = slimstream("cloud", "settings", "gate", "--quality", "30", "--server", server)
    assert done.code == 0, done.err
    (request,) = cameras.requests
    assert (request.camera, request.quality, request.is_reset) == ("gate", 30.0, False)
    assert not request.HasField("width")
    assert "quality            30     set here" in done.out
    assert "width              0.25   the agent's configuration" in done.out


def test_a_script_gets_one_json_object(
    slimstream: CommandLine, cameras: ScriptedCameras, server: str
) -> None:
    done = slimstream("cloud", "settings", "gate", "--reset", "--json", "--server", server)
    assert cameras.requests[0].is_reset
    assert json.loads(done.out) == {
        "camera": "gate",
        "quality": 30.0,
        "width": 0.25,
        "frames_per_second": 5.0,
        "directed": ["quality"],
    }


def test_what_the_agent_cannot_do_is_the_users_mistake_in_its_own_words(
    slimstream: CommandLine, cameras: ScriptedCameras, server: str
) -> None:
    cameras.refusal = "there is no width 0.3; choose one that the model has, 0.25, 1.0"
    done = slimstream("cloud", "settings", "gate", "--width", "0.3", "--server", server)
    assert (done.code, done.err) == (2, f"slimstream: {cameras.refusal}\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--quality", "101"), "less than or equal to 100"),
        (("--fps", "0"), "--fps"),
        (("--server", "cloud.example"), "write it like localhost:7443"),
        (("--server", "cloud.example:70000"), "write it like localhost:7443"),
    ],
)
def test_what_nobody_could_mean_is_refused_before_anybody_is_asked(
    slimstream: CommandLine, arguments: tuple[str, ...], sentence: str
) -> None:
    done = slimstream("cloud", "settings", "gate", *arguments)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert sentence in done.err
