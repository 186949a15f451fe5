"""Agent and cloud as two processes over loopback: everything that lies between a picture and its result."""

import hashlib
import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import grpc
import pytest
from PIL import Image

from shared_models.packages.package import ModelPackage
from slimstream.v1 import control_pb2 as control
from slimstream.v1.control_pb2_grpc import FramesServiceStub, ResultsServiceStub
from tests.cloud.cloud_process import CloudProcess, cloud_process, environment, slimstream
from tests.end_to_end.agent_process import CAMERA, agent_process, write_pictures
from tests.end_to_end.link import Link
from tests.places import reserved_port

DONE_S_MAX = 900.0  # only a hang is worth failing for: a busy machine may take minutes
PULL_S_MAX = 300.0  # the longest that can be asked for
FRAMES = 150
CUT_AFTER_BYTES = 16_000  # some tens of these frames: a link that is cut by a clock is cut too late one day


def listed(port: int) -> tuple[list[int], list[tuple[int, int]]]:
    """Return the numbers of stored frames, and the gaps that name numbers."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        request = control.ListRequest(camera=CAMERA, end_ns=2**62, with_gaps=True)
        items = list(FramesServiceStub(channel).List(request))
    seqs = [item.frame.frame.seq for item in items if item.HasField("frame")]
    gaps = [(item.gap.first_seq, item.gap.last_seq) for item in items if item.gap.HasField("first_seq")]
    return sorted(seqs), gaps


def pull(port: int, output: Path, *arguments: str) -> dict[str, object]:
    """Run `slimstream pull` and return its JSON."""
    command = slimstream("pull", CAMERA, "-o", str(output), "--server", f"127.0.0.1:{port}", "--json")
    command += arguments
    command += ["--timeout", str(PULL_S_MAX)]
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, check=False, timeout=DONE_S_MAX
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, object] = json.loads(done.stdout)
    return report


def wait_for_frames(port: int, count: int) -> None:
    """Return when `count` frames are stored."""
    deadline = time.monotonic() + DONE_S_MAX
    while len(listed(port)[0]) < count:
        assert time.monotonic() < deadline, f"only {listed(port)} is stored"
        time.sleep(0.1)


def test_every_picture_is_stored_seen_and_can_be_pulled(tmp_path: Path, dct_package: ModelPackage) -> None:
    pictures = write_pictures(tmp_path / "pictures", 12)
    with (
        cloud_process(tmp_path / "cloud", dct_package.path, worker__paths="[detect]") as cloud,
        agent_process(tmp_path / "edge", dct_package.path, pictures, cloud.port),
    ):
        wait_for_frames(cloud.port, 12)
        assert listed(cloud.port)[0] == list(range(12))
        with grpc.insecure_channel(f"127.0.0.1:{cloud.port}") as channel:
            request = control.SubscribeRequest(cursor=1)
            call = ResultsServiceStub(channel).Subscribe(request, timeout=DONE_S_MAX)
            results = [answer.result for answer in islice(call, 12)]
        assert sorted(result.frame.seq for result in results) == list(range(12))
        latencies = [result.latency for result in results]
        assert all(known.total_us + known.uplink_uncertainty_us > 0 for known in latencies)

        preview = pull(cloud.port, tmp_path / "preview.png", "--seq", "5")
        assert preview["fetched_bytes"] == 0
        full = pull(cloud.port, tmp_path / "full.png", "--seq", "5", "--quality", "full")
        assert full["fetched_bytes"] > 0  # type: ignore[operator]
        again = pull(cloud.port, tmp_path / "again.png", "--seq", "5", "--quality", "full")
        assert again["fetched_bytes"] == 0
        assert (tmp_path / "again.png").read_bytes() == (tmp_path / "full.png").read_bytes()
        better = pull(cloud.port, tmp_path / "better.png", "--seq", "5", "--quality", "95")
        known = pull(cloud.port, tmp_path / "preview.png", "--seq", "5")  # by now the edge has compared it
        assert better["psnr_db"] > known["psnr_db"]  # type: ignore[operator]
        source = pull(cloud.port, tmp_path / "source.jpg", "--seq", "5", "--quality", "source")
        digest = hashlib.sha256((tmp_path / "source.jpg").read_bytes()).hexdigest()
        assert source["source_sha256"] == digest
        assert (
            Image.open(tmp_path / "better.png").size == Image.open(tmp_path / "source.jpg").size == (96, 64)
        )


@dataclass(frozen=True)
class Cloud:
    """A cloud that may be killed and started again where it was."""

    directory: Path
    package: ModelPackage
    port: int
    metrics_port: int

    def running(self) -> AbstractContextManager[CloudProcess]:
        """Run it for the length of the block."""
        settings = {"metrics__enabled": "true", "metrics__port": str(self.metrics_port)}
        return cloud_process(
            self.directory, self.package.path, port=self.port, roles="gateway,api", **settings
        )


@pytest.fixture
def cloud(tmp_path: Path, dct_package: ModelPackage) -> Iterator[Cloud]:
    with reserved_port() as port, reserved_port() as metrics_port:
        yield Cloud(tmp_path / "cloud", dct_package, port, metrics_port)


def frames_received_again(cloud: Cloud) -> float:
    """Return how many frames the cloud was sent although it had them: the store itself would not tell."""
    url = f"http://127.0.0.1:{cloud.metrics_port}/metrics"
    with urllib.request.urlopen(url, timeout=DONE_S_MAX) as page:
        text = page.read().decode()
    (line,) = [line for line in text.splitlines() if line.startswith("slimstream_cloud_duplicates_total ")]
    return float(line.split()[1])


def assert_whole(port: int, frames: int) -> None:
    """Every captured frame is stored once, or a gap says why it is not."""
    seqs, gaps = listed(port)
    assert len(seqs) == len(set(seqs))
    explained = set(seqs) | {seq for first, last in gaps for seq in range(first, last + 1)}
    assert explained == set(range(max(explained) + 1))
    assert len(seqs) >= frames


@pytest.mark.parametrize("kills", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_a_killed_cloud_loses_nothing_and_gets_nothing_twice(
    tmp_path: Path, dct_package: ModelPackage, cloud: Cloud, kills: int
) -> None:
    frames = FRAMES + 50 * (kills - 1)  # enough to be killed after each fifty
    pictures = write_pictures(tmp_path / "pictures", frames)
    received_again = []  # by each of the clouds, whose counters die with it
    with ExitStack() as stack:
        process = stack.enter_context(cloud.running())
        agent = stack.enter_context(
            agent_process(tmp_path / "edge", dct_package.path, pictures, cloud.port, until_done=True)
        )
        for number in range(kills):
            wait_for_frames(cloud.port, 50 * (number + 1))
            received_again.append(frames_received_again(cloud))
            process.kill()
            process = stack.enter_context(cloud.running())
        assert agent.wait(DONE_S_MAX) == 0
        received_again.append(frames_received_again(cloud))
        assert_whole(cloud.port, frames)
        assert received_again == [0] * (kills + 1)


@pytest.mark.parametrize("kills", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_a_killed_agent_sends_what_was_not_acknowledged_and_nothing_again(
    tmp_path: Path, dct_package: ModelPackage, cloud: Cloud, kills: int
) -> None:
    pictures = write_pictures(tmp_path / "pictures", FRAMES)
    run = partial(agent_process, tmp_path / "edge", dct_package.path, pictures, cloud.port)
    with cloud.running():
        for _ in range(kills):
            stored = len(listed(cloud.port)[0])
            with run() as agent:
                wait_for_frames(cloud.port, stored + 15)
                agent.kill()
        with run(until_done=True) as agent:
            assert agent.wait(DONE_S_MAX) == 0
        assert_whole(cloud.port, FRAMES)
        assert frames_received_again(cloud) == 0


@pytest.mark.parametrize("outage_s", [1.5, pytest.param(60.0, marks=pytest.mark.slow)])
def test_a_link_that_is_cut_and_returns_loses_nothing(
    tmp_path: Path, dct_package: ModelPackage, cloud: Cloud, outage_s: float
) -> None:
    pictures = write_pictures(tmp_path / "pictures", FRAMES)
    with (
        cloud.running(),
        Link(cloud.port, cut_after_bytes=CUT_AFTER_BYTES) as link,
        agent_process(tmp_path / "edge", dct_package.path, pictures, link.port, until_done=True) as agent,
    ):
        assert link.was_cut.wait(DONE_S_MAX)
        time.sleep(outage_s)  # the outage itself: nothing can arrive, so there is nothing to wait for
        assert len(listed(cloud.port)[0]) < FRAMES, "frames came over a link that is down"
        link.restore()
        assert agent.wait(DONE_S_MAX + outage_s) == 0
        assert_whole(cloud.port, FRAMES)
        assert frames_received_again(cloud) == 0
