"""A whole agent against a gateway in the test: from a video file to acknowledged packets, and down again."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge.agent import Agent
from edge.config import AgentConfig
from edge.pulls import from_jpeg
from runtime.clock import SystemClock
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.packet import StreamFormat
from shared_models.bitstream.reader import read_live
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.frames import FrameId
from shared_models.packages.package import ModelPackage
from slimstream.v1 import frame_pb2
from tests.edge.fake_gateway import FakeGateway
from tests.edge.sources.media import striped, write_video
from tests.edge.waiting import LIMIT_S


def configured(directory: Path, port: int, package: ModelPackage, **cameras: dict[str, Any]) -> AgentConfig:
    return AgentConfig.model_validate(
        {
            "agent": "a",
            "link": {"target": f"127.0.0.1:{port}", "retry_s_max": 0.05},
            "ring": {"directory": directory / "ring", "budget_bytes": "16MiB", "segment_bytes": "1MiB"},
            "encoder": {"package": str(package.path)},
            "metrics": {"port": 0},
            "defaults": {"width": 0.25, "frames_per_second": 100},
            "cameras": cameras,
        }
    )


async def run(config: AgentConfig) -> Agent:
    """Run an agent until its files are played and acknowledged."""
    agent = Agent(config, SystemClock())
    try:
        async with asyncio.timeout(LIMIT_S):
            await agent.run(asyncio.Event(), until_done=True)
    finally:
        await agent.close()
    return agent


@pytest.fixture
async def gateway() -> Any:
    fake = FakeGateway()
    await fake.start()
    yield fake
    await fake.give_up()


async def test_every_frame_of_a_file_arrives_and_decodes(
    tmp_path: Path, gateway: FakeGateway, dct_package: ModelPackage
) -> None:
    video = write_video(tmp_path / "a.mp4", 12)
    source = {"kind": "file", "path": video, "realtime": False}
    await run(configured(tmp_path, gateway.port, dct_package, clip={"source": source}))
    assert [seq for _, seq in sorted(gateway.stored)] == list(range(12))
    assert not gateway.gaps
    codec = SlimCodec.load(dct_package)
    for (camera, seq), message in gateway.stored.items():
        agreed = gateway.formats[camera, message.format_id]
        fmt = StreamFormat(agreed.model_fingerprint, agreed.frame_width, agreed.frame_height)
        packet = read_live(message.packet, fmt, Limits(), seq)
        latents = codec.latents(codec.decode_base(packet, Limits()), packet.quality_code)
        preview = codec.preview(latents, packet.frame_width, packet.frame_height)
        assert abs(float(preview.mean()) - float(striped(seq).mean())) < 12


async def test_cameras_run_beside_each_other_and_a_broken_one_stays_alone(
    tmp_path: Path, gateway: FakeGateway, dct_package: ModelPackage
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for index in range(4):
        Image.fromarray(striped(index)).save(images / f"{index}.png")
    (images / "2.png").write_bytes(b"damaged")
    video = write_video(tmp_path / "a.mp4", 5)
    config = configured(
        tmp_path,
        gateway.port,
        dct_package,
        clip={"source": {"kind": "file", "path": video, "realtime": False}},
        stills={"source": {"kind": "directory", "path": images, "realtime": False}},
        gone={"source": {"kind": "file", "path": tmp_path / "gone.mp4"}},
    )
    agent = Agent(config, SystemClock())
    stop = asyncio.Event()
    running = asyncio.create_task(agent.run(stop, until_done=False))
    await gateway.until(lambda: len(gateway.stored) == 8 and bool(gateway.statuses))
    stop.set()
    await running
    await agent.close()
    assert {camera for camera, _ in gateway.stored} == {"clip", "stills"}
    gaps = [gap for gap in gateway.gaps.values() if gap.camera == "gone"]
    assert {gap.reason for gap in gaps} <= {frame_pb2.GAP_REASON_SOURCE_DOWN}


async def test_masked_parts_are_in_nothing_that_is_kept_or_sent(
    tmp_path: Path, gateway: FakeGateway, dct_package: ModelPackage
) -> None:
    video = write_video(tmp_path / "a.mp4", 1)
    camera = {
        "source": {"kind": "file", "path": video, "realtime": False},
        "masks": [{"rectangle": [0, 0, 1, 1]}],
    }
    agent = Agent(configured(tmp_path, gateway.port, dct_package, clip=camera), SystemClock())
    async with asyncio.timeout(LIMIT_S):
        await agent.run(asyncio.Event(), until_done=True)
    _, _, jpeg = agent._ring.read_kept(FrameId("clip", agent._ring.epoch("clip"), 0))
    await agent.close()
    assert np.abs(from_jpeg(jpeg).astype(int) - 127).max() <= 2


async def test_a_still_scene_is_gated_and_the_gap_says_so(
    tmp_path: Path, gateway: FakeGateway, dct_package: ModelPackage
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for index in range(6):
        Image.fromarray(striped(3)).save(images / f"{index}.png")
    camera = {
        "source": {"kind": "directory", "path": images, "realtime": False},
        "gate": {"threshold": 0.03, "hold_s": 0, "interval_s_max": 3600},
    }
    await run(configured(tmp_path, gateway.port, dct_package, clip=camera))
    (gap,) = gateway.gaps.values()
    assert (gap.reason, gap.first_seq, gap.last_seq, gap.frames) == (frame_pb2.GAP_REASON_GATED, 1, 5, 5)
    assert [seq for _, seq in sorted(gateway.stored)] == [0]


async def test_an_agent_that_runs_again_goes_on_counting_and_says_when_it_was_away(
    tmp_path: Path, gateway: FakeGateway, dct_package: ModelPackage
) -> None:
    video = write_video(tmp_path / "a.mp4", 3)
    source = {"kind": "file", "path": video, "realtime": False}
    config = configured(tmp_path, gateway.port, dct_package, clip={"source": source})
    await run(config)
    await run(config)
    assert [seq for _, seq in sorted(gateway.stored)] == list(range(6))
    (gap,) = gateway.gaps.values()
    assert gap.reason == frame_pb2.GAP_REASON_AGENT_STOPPED
    assert gateway.hellos[0].cameras[0].epoch == gateway.hellos[1].cameras[0].epoch
