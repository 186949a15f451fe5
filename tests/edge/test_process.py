"""The agent as a process: asked to stop, and killed at any moment."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shared_models.packages.package import ModelPackage
from slimstream.v1 import frame_pb2
from tests.edge.fake_gateway import FakeGateway
from tests.edge.sources.media import write_video

ROOT = Path(__file__).resolve().parents[2]
YAML = """\
agent: a
link: {target: "127.0.0.1:PORT", retry_s_max: 0.1, drain_s_max: 120}
ring: {directory: DIR/ring, budget_bytes: 16MiB, segment_bytes: 256KiB}
encoder: {package: PACKAGE}
metrics: {enabled: false}
cameras:
  clip: {source: {kind: file, path: DIR/a.mp4, loop: true}, width: 0.25, frames_per_second: 25}
"""


@asynccontextmanager
async def agent(config: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """An agent of its own; killed at the end of the block if it still runs."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'proto'}"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "console", "edge", "run", "--config", str(config), env=environment
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    fake = FakeGateway()
    await fake.start()
    yield fake
    await fake.give_up()


@pytest.fixture
def config(tmp_path: Path, gateway: FakeGateway, dct_package: ModelPackage) -> Path:
    write_video(tmp_path / "a.mp4", 50)
    text = YAML.replace("PORT", str(gateway.port)).replace("DIR", str(tmp_path))
    path = tmp_path / "edge.yaml"
    path.write_text(text.replace("PACKAGE", str(dct_package.path)))
    return path


def accounted(gateway: FakeGateway) -> set[int]:
    """Numbers that the gateway has, or knows why it has not."""
    explained = {
        seq
        for gap in gateway.gaps.values()
        if gap.HasField("first_seq")
        for seq in range(gap.first_seq, gap.last_seq + 1)
    }
    return {seq for _, seq in gateway.stored} | explained


@pytest.mark.slow
async def test_sigterm_stops_an_agent_cleanly_with_everything_acknowledged(
    gateway: FakeGateway, config: Path
) -> None:
    async with agent(config) as process:
        await gateway.until(lambda: len(gateway.stored) > 20)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert accounted(gateway) == set(range(len(gateway.stored)))
    async with agent(config):
        await gateway.until(lambda: bool(gateway.gaps))
    (gap,) = gateway.gaps.values()
    assert gap.reason == frame_pb2.GAP_REASON_AGENT_STOPPED
    assert gap.end_ns > gap.start_ns


@pytest.mark.slow
async def test_killed_at_any_moment_an_agent_loses_no_frame_and_sends_none_twice(
    gateway: FakeGateway, config: Path
) -> None:
    chance = random.Random(0)
    for _ in range(4):
        before = len(gateway.received)
        more = chance.randrange(5, 60)
        async with agent(config):
            await gateway.until(lambda: len(gateway.received) >= before + more)  # noqa: B023
            gateway.acks = chance.random() < 0.5
            await gateway.until(lambda: len(gateway.received) >= before + 2 * more)  # noqa: B023
        gateway.acks = True
    async with agent(config) as process:
        newest = max(seq for _, seq in gateway.received)
        await gateway.until(lambda: max(seq for _, seq in gateway.stored) > newest + 10)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert accounted(gateway) >= set(range(newest + 1)), "each number is stored or explained"
    assert not gateway.sent_though_stored
    reasons = {gap.reason for gap in gateway.gaps.values()}
    assert reasons == {frame_pb2.GAP_REASON_AGENT_STOPPED}
    assert len(gateway.gaps) == 4
