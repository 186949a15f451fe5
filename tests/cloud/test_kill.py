"""`kill -9` of the cloud in the middle of a stream: what was acknowledged is there afterwards, once."""

import asyncio
import random
from pathlib import Path

import grpc
import pytest

from shared_models.packages.package import ModelPackage
from slimstream.v1 import control_pb2 as control
from slimstream.v1.control_pb2_grpc import FramesServiceStub
from tests.cloud.cloud_process import CloudProcess, cloud_process
from tests.cloud.fake_agent import FakeAgent, format_change, frame, hello, made_up_packet

ROLES = "gateway,api"


async def _stream_until_killed(
    cloud: CloudProcess, package: ModelPackage, acked: set[int], next_seq: int, kill_after: int
) -> int:
    """Send what is not acknowledged, then new frames; kill the cloud after some acks. Return the next seq."""
    packet = made_up_packet(package.fingerprint, bytes(900))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{cloud.port}") as channel:
        agent = FakeAgent(channel)
        agent.send(hello(package.fingerprint, "door"))
        [welcome] = await agent.until("welcome")
        through = welcome.welcome.cameras[0].stored_through_seq
        known = (
            set(range(through + 1)) if welcome.welcome.cameras[0].HasField("stored_through_seq") else set()
        )
        known |= {
            seq for span in welcome.welcome.cameras[0].stored for seq in range(span.first, span.last + 1)
        }
        assert acked <= known, f"acknowledged and lost: {sorted(acked - known)[:10]}"
        agent.send(format_change("door", packet))
        agent.send(*(frame(seq, packet) for seq in range(next_seq) if seq not in known))
        target = len(agent.acked) + kill_after
        while len(agent.acked) < target and not agent.is_over:
            await agent.spend(1000)
            agent.send(frame(next_seq, packet))
            next_seq += 1
            await asyncio.sleep(0)
        cloud.kill()
        await agent.until_over()
        acked |= {seq for _, seq in agent.acked}
    return next_seq


@pytest.mark.parametrize("rounds", [2, pytest.param(60, marks=pytest.mark.slow)])
async def test_an_acknowledged_frame_survives_any_kill(
    tmp_path: Path, dct_package: ModelPackage, rounds: int
) -> None:
    chance, acked, next_seq = random.Random(17), set[int](), 0
    for _ in range(rounds):
        kill_after = chance.randrange(1, 400)
        with cloud_process(tmp_path, dct_package.path, roles=ROLES) as cloud:
            next_seq = await _stream_until_killed(cloud, dct_package, acked, next_seq, kill_after)
    with cloud_process(tmp_path, dct_package.path, roles=ROLES) as cloud:
        seqs = await _stored_seqs(cloud)
        assert cloud.terminate() == 0
    assert len(acked) > 0
    assert acked <= set(seqs)
    assert len(seqs) == len(set(seqs))


async def _stored_seqs(cloud: CloudProcess) -> list[int]:
    """List every stored frame of the camera, by pages."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{cloud.port}") as channel:
        frames = FramesServiceStub(channel)
        seqs: list[int] = []
        start = 0
        while page := [
            item.frame
            async for item in frames.List(control.ListRequest(camera="door", start_ns=start, end_ns=2**62))
        ]:
            seqs += [stored.frame.seq for stored in page]
            start = page[-1].time.capture_ns + 1
    return seqs


async def test_a_lost_index_is_built_again_at_the_start(tmp_path: Path, dct_package: ModelPackage) -> None:
    acked: set[int] = set()
    with cloud_process(tmp_path, dct_package.path, roles=ROLES) as cloud:
        await _stream_until_killed(cloud, dct_package, acked, 0, kill_after=50)
    for file in (tmp_path / "store").glob("index.sqlite*"):
        file.write_bytes(b"this is no database")
    with cloud_process(tmp_path, dct_package.path, roles=ROLES) as cloud:
        await _stream_until_killed(cloud, dct_package, acked, max(acked) + 1, kill_after=1)
