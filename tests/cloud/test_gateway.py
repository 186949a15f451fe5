"""The gateway over loopback, with an agent that does what the test says."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from cloud import gateway
from cloud.greeting import CameraEpoch
from cloud.server import RunningCloud
from cloud.storage import frame_queries
from cloud.storage.records import PACKETS_LOG
from shared_models.packages.package import ModelPackage
from tests.cloud.conftest import StartCloud
from tests.cloud.fake_agent import (
    DELIVER,
    EPOCH,
    FakeAgent,
    format_change,
    frame,
    gap,
    hello,
    made_up_packet,
)


def rejected(cloud: RunningCloud, reason: str) -> float:
    return cloud.registry.get_sample_value("slimstream_cloud_rejected_total", {"reason": reason}) or 0


def taken(cloud: RunningCloud, kind: str) -> float:
    return cloud.registry.get_sample_value("slimstream_cloud_messages_total", {"kind": kind}) or 0


def stored_seqs(cloud: RunningCloud, camera: str = "door") -> list[int]:
    with cloud.store.reading() as connection:
        rows = frame_queries.frames_between(connection, camera, 0, 2**62, 10_000)
        return [row.frame_id.seq for row in rows]


async def test_frames_are_acknowledged_once_they_are_stored(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    cloud, channel = await start_cloud()
    packet = made_up_packet(dct_package.fingerprint)
    agent = FakeAgent(channel)
    agent.send(hello(dct_package.fingerprint, "door"))
    [welcome] = await agent.until("welcome")
    assert list(welcome.welcome.cameras[0].accepted_models) == [dct_package.fingerprint]
    agent.send(format_change("door", packet), *(frame(seq, packet) for seq in range(5)))
    await agent.until_acked(*range(5))
    assert stored_seqs(cloud) == [0, 1, 2, 3, 4]
    await agent.leave()
    assert agent.code is None


async def test_what_was_stored_is_not_stored_again(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    cloud, channel = await start_cloud()
    packet = made_up_packet(dct_package.fingerprint)
    first = FakeAgent(channel)
    first.send(hello(dct_package.fingerprint, "door"), format_change("door", packet), frame(0, packet))
    await first.until_acked(0)
    await first.vanish()
    second = FakeAgent(channel)
    second.send(hello(dct_package.fingerprint, "door"))
    [welcome] = await second.until("welcome")
    assert welcome.welcome.cameras[0].stored_through_seq == 0
    second.send(format_change("door", packet), frame(0, packet), frame(0, packet), frame(1, packet))
    await second.until_acked(0, 1)
    assert stored_seqs(cloud) == [0, 1]
    await second.leave()


async def test_gaps_are_stored_with_their_reason_and_count_as_explained(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    cloud, channel = await start_cloud()
    packet = made_up_packet(dct_package.fingerprint)
    agent = FakeAgent(channel)
    agent.send(hello(dct_package.fingerprint, "door"), format_change("door", packet))
    agent.send(frame(0, packet), gap("door", 7, 1, 8), gap("door", 7, 1, 8), frame(9, packet))
    await agent.until_acked(0, 9)
    await agent.leave()
    assert agent.acked_gaps == {(7).to_bytes(16, "big")}
    with cloud.store.reading() as connection:
        assert list(frame_queries.coverage_of(connection, CameraEpoch("door", EPOCH))) == [(0, 9)]
        assert len(frame_queries.gaps_between(connection, "door", 0, 2**62, 10)) == 1


async def test_an_agent_that_ignores_its_credits_is_cut(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    limits: dict[str, object] = {"window_bytes": "64KiB", "message_bytes": "32KiB", "bytes_per_second": 1024}
    cloud, channel = await start_cloud(limits=limits)
    packet = made_up_packet(dct_package.fingerprint, bytes(20_000))
    agent = FakeAgent(channel)
    agent.send(hello(dct_package.fingerprint, "door"), format_change("door", packet))
    agent.send(*(frame(seq, packet) for seq in range(10)))
    await agent.until_over()
    assert agent.rejects()[-1] == "over_credit"
    assert rejected(cloud, "over_credit") == 1
    assert len(stored_seqs(cloud)) < 10


async def test_credits_come_back_as_frames_are_stored(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    _, channel = await start_cloud(limits={"window_bytes": "64KiB", "message_bytes": "32KiB"})
    packet = made_up_packet(dct_package.fingerprint, bytes(20_000))
    agent = FakeAgent(channel)
    agent.send(hello(dct_package.fingerprint, "door"), format_change("door", packet))
    for seq in range(12):  # four windows, sent as credits allow
        await agent.spend(len(frame(seq, packet).frame.packet))
        agent.send(frame(seq, packet))
    await agent.until_acked(*range(12))
    await agent.leave()


async def test_a_camera_that_the_token_does_not_name_is_refused_and_the_others_go_on(
    start_cloud: StartCloud, dct_package: ModelPackage, tmp_path: Path
) -> None:
    from runtime.credentials import hash_token

    tokens = tmp_path / "tokens.yaml"
    tokens.write_text(f"tokens: [{{name: edge-1, sha256: {hash_token('secret')}, writes: ['door*']}}]\n")
    cloud, channel = await start_cloud(security={"tokens_file": tokens})
    packet = made_up_packet(dct_package.fingerprint)
    agent = FakeAgent(channel, metadata=(("authorization", "Bearer secret"),))
    agent.send(hello(dct_package.fingerprint, "vault", "door"))
    [welcome] = await agent.until("welcome")
    assert "may not write camera vault" in welcome.welcome.cameras[0].refusal
    agent.send(format_change("vault", packet), frame(0, packet, 0))
    agent.send(format_change("door", packet), frame(0, packet, 1))
    await agent.until_acked(0, camera_index=1)
    assert agent.rejects() == ["camera_not_allowed", "camera_not_allowed"]
    assert stored_seqs(cloud, "vault") == []
    await agent.leave()

    stranger = FakeAgent(channel, metadata=(("authorization", "Bearer guess"),))
    await stranger.until_over()
    assert stranger.code is grpc.StatusCode.UNAUTHENTICATED
    assert rejected(cloud, "unauthenticated") == 1


async def test_a_message_that_is_a_little_too_large_is_counted_and_the_stream_goes_on(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    cloud, channel = await start_cloud(limits={"message_bytes": "32KiB"})
    packet = made_up_packet(dct_package.fingerprint)
    agent = FakeAgent(channel)
    agent.send(hello(dct_package.fingerprint, "door"), format_change("door", packet))
    agent.send(frame(0, made_up_packet(dct_package.fingerprint, bytes(40_000))), frame(1, packet))
    await agent.until_acked(1)
    assert agent.rejects() == ["message_too_large"]
    assert rejected(cloud, "message_too_large") == 1
    await agent.leave()


async def test_a_message_that_grpc_refuses_unread_costs_its_stream_and_is_counted_as_lost(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    cloud, channel = await start_cloud(limits={"message_bytes": "32KiB"})
    agent = FakeAgent(channel)
    agent.send(hello(dct_package.fingerprint, "door"))
    await agent.until("welcome")
    agent.send(bytes(200_000))
    await agent.until_over()
    assert agent.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    while not cloud.registry.get_sample_value("slimstream_cloud_streams_lost_total"):
        await asyncio.sleep(0)
    another = FakeAgent(channel)
    another.send(hello(dct_package.fingerprint, "door"))
    await another.until("welcome")
    await another.leave()
    assert cloud.registry.get_sample_value("slimstream_cloud_streams_lost_total") == 1


async def test_requests_that_do_not_parse_and_methods_that_do_not_exist_are_counted(
    start_cloud: StartCloud,
) -> None:
    cloud, channel = await start_cloud()
    for method, data in (("Get", b"\xff" * 50), ("Nothing", b""), ("List", b"\xff" * 50)):
        with pytest.raises(grpc.aio.AioRpcError):
            await channel.unary_unary(f"/slimstream.v1.FramesService/{method}")(data)  # type: ignore[call-arg]
    assert rejected(cloud, "message_malformed") == 2
    assert rejected(cloud, "method_unknown") == 1


async def test_a_second_stream_of_the_same_agent_takes_over(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    _, channel = await start_cloud()
    first = FakeAgent(channel)
    first.send(hello(dct_package.fingerprint, "door"))
    await first.until("welcome")
    second = FakeAgent(channel)
    second.send(hello(dct_package.fingerprint, "door"))
    await second.until("welcome")
    await first.until_over()
    assert first.rejects() == ["replaced"]
    assert not second.is_over
    await second.leave()


async def test_what_an_older_stream_left_on_its_way_to_the_disk_is_not_asked_for_again(
    start_cloud: StartCloud, dct_package: ModelPackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud, channel = await start_cloud()
    log, may_sync = cloud.store.logs()[PACKETS_LOG].log, threading.Event()
    sync = log.sync
    monkeypatch.setattr(log, "sync", lambda: may_sync.wait() and sync())
    packet = made_up_packet(dct_package.fingerprint)
    first = FakeAgent(channel)
    first.send(hello(dct_package.fingerprint, "door"), format_change("door", packet))
    first.send(*(frame(seq, packet) for seq in range(5)))
    while taken(cloud, "frame") < 5:
        await asyncio.sleep(0)
    second = FakeAgent(channel)
    second.send(hello(dct_package.fingerprint, "door"))
    await first.until("reject")  # the second has its place
    may_sync.set()
    [welcome] = await second.until("welcome")
    assert welcome.welcome.cameras[0].stored_through_seq == 4
    await second.leave()


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
async def test_a_flood_of_malformed_messages_is_counted_by_reason_and_leaves_the_gateway_up(
    start_cloud: StartCloud, dct_package: ModelPackage, count: int
) -> None:
    import os
    import random

    import psutil

    cloud, channel = await start_cloud()
    chance, packet = random.Random(8), made_up_packet(dct_package.fingerprint)
    good = frame(3, packet).SerializeToString()
    sent, memory = 0, [psutil.Process().memory_info().rss]
    while sent < count:
        agent = FakeAgent(channel)
        agent.send(hello(dct_package.fingerprint, "door"), format_change("door", packet))
        for _ in range(150):  # more than the budget of one stream
            kind = chance.randrange(4)
            if kind == 0:
                agent.send(os.urandom(chance.randrange(1, 200)))
            elif kind == 1:
                mutated = bytearray(good)
                mutated[chance.randrange(len(good))] ^= 1 << chance.randrange(8)
                agent.send(bytes(mutated))
            elif kind == 2:
                agent.send(frame(chance.randrange(100), packet, camera_index=chance.randrange(1, 99)))
            else:
                broken = frame(sent, packet)
                broken.frame.packet = os.urandom(chance.randrange(60))
                agent.send(broken)
        await agent.leave()  # if it was not cut before
        sent += 150
        memory.append(psutil.Process().memory_info().rss)
    total = sum(
        sample.value
        for metric in cloud.registry.collect()
        if metric.name == "slimstream_cloud_rejected"
        for sample in metric.samples
        if sample.name.endswith("_total")
    )
    assert total >= count * 0.6
    assert rejected(cloud, "message_malformed") > 0
    assert rejected(cloud, "camera_unknown") > 0
    assert rejected(cloud, "unsupported") > 0
    settled = memory[len(memory) // 2]
    assert max(memory[len(memory) // 2 :]) - settled < 32 << 20
    agent = FakeAgent(channel)
    agent.send(hello(dct_package.fingerprint, "hall"), format_change("hall", packet), frame(0, packet))
    await agent.until_acked(0)
    await agent.leave()


async def test_a_delivery_that_never_goes_on_gives_its_place_back(
    start_cloud: StartCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "_DELIVERY_S", 0.05)
    cloud, channel = await start_cloud(limits={"deliveries": 1})
    deliver = channel.stream_unary(DELIVER, request_serializer=None, response_deserializer=None)

    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    for _ in range(2):  # the second waits for the only place
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await deliver(nothing())
        assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert "its place is given to another" in (error.value.details() or "")
    assert rejected(cloud, "delivery_invalid") == 2
