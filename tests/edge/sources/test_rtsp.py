"""A real RTSP server: pictures come, a camera that dies is noticed, and it is found again when it returns."""

import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from edge.capture import Captured, CaptureRules, CaptureThread
from edge.config_camera import RtspSource
from edge.gaps import Gap, GapReason
from edge.gate import RateLimiter
from edge.health import CameraHealth
from edge.mailbox import Mailbox
from edge.sources.opening import open_source
from edge.sources.rtsp import open_rtsp
from runtime.backoff import Backoff
from runtime.clock import SystemClock
from shared_models.errors import SourceError
from tests.edge.waiting import LIMIT_S, Changes
from tests.places import reserved_port

SERVER = Path(__file__).with_name("rtsp_server.py")
PYTHON = "/usr/bin/python3"  # Debian's, which has `gi`; the one that runs the tests usually has not
PROBE = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    probe = [PYTHON, "-c", PROBE]
    if not Path(PYTHON).exists() or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("GStreamer's RTSP server is not installed (gir1.2-gst-rtsp-server-1.0, python3-gi)")
    with reserved_port() as port:
        yield port


@contextmanager
def rtsp_camera(port: int) -> Iterator[subprocess.Popen[str]]:
    """A camera that is there within the block; killing the process is pulling its plug."""
    command = [PYTHON, str(SERVER), str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def url(port: int) -> str:
    return f"rtsp://user:secret@127.0.0.1:{port}/ball"


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_pictures_come_over_either_transport(port: int, transport: str) -> None:
    with rtsp_camera(port):
        source = open_rtsp(url(port), transport=transport, open_timeout_s=LIMIT_S, read_timeout_s=LIMIT_S)
        grabs = [source.grab() for _ in range(10)]
        assert all(grab is not None and grab.picture(160).shape == (120, 160, 3) for grab in grabs)
        source.close()


def test_a_camera_that_is_not_there_is_one_sentence_without_its_password(port: int) -> None:
    with pytest.raises(SourceError, match="cannot be opened") as caught:
        open_rtsp(url(port), transport="tcp", open_timeout_s=LIMIT_S, read_timeout_s=LIMIT_S)
    assert "secret" not in str(caught.value)


class Observer:
    def __init__(self, then: Callable[[], None]) -> None:
        self.gaps: list[Gap] = []
        self.failures = 0
        self.pictures = 0
        self.then = then

    def picture_taken(self) -> None:
        self.pictures += 1
        self.then()

    def source_failed(self) -> None:
        self.failures += 1
        self.then()

    def source_ended(self) -> None:
        self.then()

    def keep_gaps(self, gaps: list[Gap]) -> None:
        self.gaps += gaps


@pytest.mark.slow
def test_a_camera_that_dies_and_returns_is_found_again_and_the_gap_is_true(port: int) -> None:
    changed = Changes()
    observer = Observer(changed.notify)
    config = RtspSource(kind="rtsp", url=url(port), open_timeout_s=10.0, silence_s_max=3.0)
    clock, health = SystemClock(), CameraHealth()
    mailbox: Mailbox[Captured] = Mailbox(1, keeps_newest=True)
    thread = CaptureThread(
        "cam",
        5,
        partial(open_source, config),
        CaptureRules(320, is_paced=True, loops=False),
        mailbox=mailbox,
        limiter=RateLimiter(25.0),
        health=health,
        observer=observer,
        clock=clock,
        backoff=Backoff(first_s=0.2, limit_s=0.5, random=random.Random(0)),
    )
    try:
        with rtsp_camera(port):
            thread.start()
            changed.wait_for(lambda: observer.pictures >= 5)
        died_ns = clock.wall_ns()
        changed.wait_for(lambda: observer.failures >= 2)
        assert not health.is_up
        with rtsp_camera(port):
            before = observer.pictures
            changed.wait_for(lambda: observer.pictures >= before + 5)
            assert health.is_up
    finally:
        thread.stop()
        thread.join(LIMIT_S)
    down = [gap for gap in observer.gaps if gap.reason is GapReason.SOURCE_DOWN]
    assert down[0].start_ns < died_ns + 5 * 10**9
    assert down[-1].end_ns > died_ns
