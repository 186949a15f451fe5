"""What viewers ask of a cloud: results as they come, pictures from what is stored or pulled."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Iterable
from typing import cast

import grpc
import numpy as np
import pytest
from PIL import Image

from cloud.config import Role
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.slim_reader import read_slim
from shared_models.bitstream.writer import write_packet
from shared_models.errors import StorageError
from shared_models.frames import psnr_db
from shared_models.packages.package import ModelPackage
from slimstream.v1 import control_pb2 as control
from slimstream.v1.control_pb2_grpc import CamerasServiceStub, FramesServiceStub, ResultsServiceStub
from slimstream.v1.frame_pb2 import LAYER_BASE, LAYER_ENHANCEMENT, LAYER_SOURCE, FrameId
from slimstream.v1.ingest_pb2 import ClockSample, PullRefused, SettingsInForce, StreamRequest
from tests.cloud.codec import TestCodec, picture
from tests.cloud.conftest import StartCloud
from tests.cloud.fake_agent import (
    EPOCH,
    PATIENCE_S,
    FakeAgent,
    format_change,
    frame,
    gap,
    hello,
    made_up_packet,
)

DETECT: dict[str, object] = {"paths": ["detect"]}


async def send_frames(
    channel: grpc.aio.Channel, package: ModelPackage, seqs: range, camera: str = "door"
) -> FakeAgent:
    """Connect an agent, send real frames and wait until they are stored."""
    codec = TestCodec(package)
    agent = FakeAgent(channel)
    agent.send(hello(package.fingerprint, camera))
    await agent.until("welcome")
    agent.send(format_change(camera, codec.base(0).packet))
    agent.send(*(frame(seq, codec.base(seq).packet) for seq in seqs))
    await agent.until_acked(*seqs)
    return agent


def get(seq: int, **quality: object) -> control.GetRequest:
    wanted = control.Quality(**(quality or {"preview": True}))  # type: ignore[arg-type]
    return control.GetRequest(
        frame=control.FrameSelector(camera="door", seq=seq),
        quality=wanted,
        timeout_ms=round(1000 * PATIENCE_S),
    )


def not_held(error: grpc.aio.AioRpcError) -> control.FrameNotHeld:
    """Read what the trailer says is there instead."""
    trailers = dict(cast(Iterable[tuple[str, bytes]], error.trailing_metadata()))
    return control.FrameNotHeld.FromString(trailers["slimstream-not-held-bin"])


async def islice(
    answers: AsyncIterator[control.SubscribeResponse], count: int
) -> AsyncIterator[control.SubscribeResponse]:
    """Yield the first `count` answers."""
    for _ in range(count):
        yield await anext(answers)


def opened(answer: control.GetResponse) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(answer.picture)).convert("RGB"))


async def collect(
    channel: grpc.aio.Channel, count: int, cursor: int = 1, **wanted: object
) -> list[control.Result]:
    """Subscribe and return the first `count` results."""
    request = control.SubscribeRequest(cursor=cursor, filter=control.ResultFilter(**wanted))  # type: ignore[arg-type]
    call = ResultsServiceStub(channel).Subscribe(request)
    found: list[control.Result] = []
    async with asyncio.timeout(PATIENCE_S):
        async for answer in call:
            found.append(answer.result)
            if len(found) == count:
                break
    call.cancel()
    return found


async def test_every_frame_gets_a_result_and_a_subscriber_resumes_where_it_stopped(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    _, channel = await start_cloud(worker=DETECT)
    agent = await send_frames(channel, dct_package, range(6))
    first = await collect(channel, 3)
    rest = await collect(channel, 3, cursor=first[-1].cursor)
    assert sorted(result.frame.seq for result in first + rest) == [0, 1, 2, 3, 4, 5]
    cursors = [result.cursor for result in first + rest]
    assert cursors == sorted(set(cursors))
    assert {result.path for result in first} == {"detect"}
    assert first[0].model.startswith(f"{dct_package.name}/detect@")
    assert (first[0].frame_width, first[0].frame_height) == (64, 48)
    assert first[0].latency.encode_us == 1500
    await agent.leave()


async def test_a_live_subscriber_hears_of_frames_that_come_later(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    _, channel = await start_cloud(worker=DETECT)
    call = ResultsServiceStub(channel).Subscribe(control.SubscribeRequest(cursor=0))
    await call.initial_metadata()
    agent = await send_frames(channel, dct_package, range(2))
    async with asyncio.timeout(PATIENCE_S):
        seqs = {answer.result.frame.seq async for answer in islice(aiter(call), 2)}
    assert seqs == {0, 1}
    call.cancel()
    await agent.leave()


async def test_a_poisoned_frame_is_marked_as_failed_and_the_others_are_worked_on(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    cloud, channel = await start_cloud(worker=DETECT)
    agent = await send_frames(channel, dct_package, range(1))
    poison = made_up_packet(dct_package.fingerprint, b"\x01\x02\x03\x04\x05\x06\x07\x08" * 8)
    agent.send(frame(1, poison), frame(2, TestCodec(dct_package).base(2).packet))
    await agent.until_acked(1, 2)
    assert {result.frame.seq for result in await collect(channel, 2)} == {0, 2}
    failed = sum(
        sample.value
        for metric in cloud.registry.collect()
        if metric.name == "slimstream_cloud_worker_failed"
        for sample in metric.samples
        if sample.name.endswith("_total")
    )
    assert failed == 1
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await FramesServiceStub(channel).Get(get(1))
    assert error.value.code() is grpc.StatusCode.DATA_LOSS
    await agent.leave()


async def test_stored_results_are_queried_by_time_and_camera(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    _, channel = await start_cloud(worker={"paths": ["detect", "classify"]})
    agent = await send_frames(channel, dct_package, range(4))
    await collect(channel, 8)
    start = EPOCH * 10**9
    request = control.QueryRequest(
        start_ns=start + 10**8, end_ns=start + 3 * 10**8, filter=control.ResultFilter(paths=["classify"])
    )
    found = [answer.result async for answer in ResultsServiceStub(channel).Query(request)]
    assert [result.frame.seq for result in found] == [1, 2]
    assert all(len(result.classifications) == 5 for result in found)
    await agent.leave()


async def test_a_preview_is_made_from_what_is_stored_even_when_the_agent_is_gone(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    _, channel = await start_cloud()
    agent = await send_frames(channel, dct_package, range(2))
    await agent.leave()
    answer = await FramesServiceStub(channel).Get(get(1))
    assert psnr_db(opened(answer), picture(1)) > 20
    assert [(cost.layer, cost.is_fetched) for cost in answer.layers] == [(LAYER_BASE, False)]
    assert answer.frame == FrameId(camera="door", epoch=EPOCH, seq=1)


async def test_a_full_picture_is_pulled_once_and_costs_nothing_the_second_time(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    cloud, channel = await start_cloud()
    agent = await send_frames(channel, dct_package, range(2))
    codec = TestCodec(dct_package)
    frames = FramesServiceStub(channel)
    looking = asyncio.create_task(_get(frames, get(1, full=True)))
    [pull] = await agent.until("pull")
    assert not pull.pull.HasField("quality")
    layer = codec.enhancement(1, codec.base(1), 1)
    data = write_packet(layer.packet)
    delivered = await agent.deliver(pull.pull, data, psnr_db=41.5, preview_psnr_db=24.5)
    assert delivered.received_bytes == len(data)
    first = await looking
    assert [(c.layer, c.bytes, c.is_fetched) for c in first.layers][1] == (LAYER_ENHANCEMENT, len(data), True)
    assert first.psnr_db == pytest.approx(41.5)
    preview = await frames.Get(get(1))
    assert preview.psnr_db == pytest.approx(24.5)
    assert psnr_db(opened(first), picture(1)) > psnr_db(opened(preview), picture(1))
    await agent.leave()
    second = await frames.Get(get(1, full=True))
    assert second.picture == first.picture
    assert not second.layers[1].is_fetched
    sample = cloud.registry.get_sample_value
    assert sample("slimstream_cloud_pulls_total", {"outcome": "delivered"}) == 1
    assert sample("slimstream_cloud_delivered_bytes_total", {"layer": "enhancement"}) == len(data)


async def _get(frames: FramesServiceStub, request: control.GetRequest) -> control.GetResponse:
    return await frames.Get(request)  # type: ignore[misc, no-any-return]


async def test_the_source_comes_byte_for_byte_with_its_hash(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    _, channel = await start_cloud()
    agent = await send_frames(channel, dct_package, range(1))
    file = io.BytesIO()
    Image.fromarray(picture(0)).save(file, "JPEG", quality=95)
    looking = asyncio.create_task(_get(FramesServiceStub(channel), get(0, source=True)))
    [pull] = await agent.until("pull")
    await agent.deliver(pull.pull, file.getvalue())
    answer = await looking
    assert answer.picture == file.getvalue()
    assert answer.source_sha256 == hashlib.sha256(file.getvalue()).digest()
    assert (answer.media_type, answer.width, answer.height) == ("image/jpeg", 64, 48)
    assert answer.layers[1].layer == LAYER_SOURCE
    await agent.leave()


async def test_a_frame_that_the_edge_no_longer_holds_is_not_found_with_the_nearest_that_are(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    _, channel = await start_cloud()
    agent = await send_frames(channel, dct_package, range(2))
    looking = asyncio.create_task(_get(FramesServiceStub(channel), get(0, full=True)))
    [pull] = await agent.until("pull")
    nearest = [FrameId(camera="door", epoch=EPOCH, seq=seq) for seq in (7, 8)]
    refused = PullRefused(
        pull_id=pull.pull.pull_id, is_not_held=True, reason="evicted an hour ago", nearest=nearest
    )
    agent.send(StreamRequest(pull_refused=refused))
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await looking
    assert error.value.code() is grpc.StatusCode.NOT_FOUND
    detail = not_held(error.value)
    assert [near.seq for near in detail.nearest] == [7, 8]
    assert detail.has_preview
    await agent.leave()


async def test_a_frame_that_is_not_stored_is_not_found_with_the_nearest_that_are(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    _, channel = await start_cloud()
    agent = await send_frames(channel, dct_package, range(3))
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await FramesServiceStub(channel).Get(get(10))
    assert error.value.code() is grpc.StatusCode.NOT_FOUND
    detail = not_held(error.value)
    assert [near.seq for near in detail.nearest] == [2, 1, 0]
    await agent.leave()


async def test_a_full_picture_without_its_agent_is_unavailable_and_says_so(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    _, channel = await start_cloud()
    agent = await send_frames(channel, dct_package, range(1))
    await agent.leave()
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await FramesServiceStub(channel).Get(get(0, full=True))
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "not connected" in (error.value.details() or "")


async def test_a_layer_that_was_not_asked_for_or_does_not_fit_its_base_is_refused(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    cloud, channel = await start_cloud()
    agent = await send_frames(channel, dct_package, range(2))
    codec = TestCodec(dct_package)
    looking = asyncio.create_task(_get(FramesServiceStub(channel), get(1, full=True)))
    [pull] = await agent.until("pull")
    other = write_packet(codec.enhancement(0, codec.base(0), 1).packet)
    right = write_packet(codec.enhancement(1, codec.base(1), 1).packet)
    with pytest.raises(grpc.aio.AioRpcError, match="other base symbols"):
        await agent.deliver(pull.pull, other)
    with pytest.raises(grpc.aio.AioRpcError, match="SHA-256"):
        await agent.deliver(pull.pull, right, sha256=bytes(32))
    with pytest.raises(grpc.aio.AioRpcError, match="nobody waits"):
        await agent.deliver(pull.pull, right, pull_id="made-up")
    await agent.deliver(pull.pull, right)
    assert (await looking).layers[1].is_fetched
    assert cloud.registry.get_sample_value("slimstream_cloud_rejected_total", {"reason": "pull_unknown"}) == 1
    await agent.leave()


async def test_frames_and_gaps_of_an_interval_are_listed_and_exported(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    _, channel = await start_cloud()
    agent = await send_frames(channel, dct_package, range(3))
    agent.send(gap("door", 1, 3, 9))
    async with asyncio.timeout(PATIENCE_S):
        while not agent.acked_gaps:
            await agent.until("ack", len(agent._of("ack")) + 1)
    frames = FramesServiceStub(channel)
    request = control.ListRequest(camera="door", end_ns=2**62, with_gaps=True)
    items = [item.WhichOneof("item") async for item in frames.List(request)]
    assert items == ["frame", "frame", "frame", "gap"]
    pieces = [
        answer.data async for answer in frames.Export(control.ExportRequest(camera="door", end_ns=2**62))
    ]
    exported = list(read_slim(b"".join(pieces), Limits()))
    assert [found.seq for found in exported] == [0, 1, 2]
    await agent.leave()


async def test_a_frame_is_found_by_the_clouds_time_whatever_the_devices_clock_says(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    _, channel = await start_cloud()
    packet = TestCodec(dct_package).base(0).packet
    agent = FakeAgent(channel)
    agent.send(hello(dct_package.fingerprint, "door"), format_change("door", packet))
    hour_ns = 3600 * 10**9
    agent.send(StreamRequest(clock=ClockSample(sent_ns=1, offset_ns=hour_ns, uncertainty_ns=1000)))
    agent.send(*(frame(seq, packet) for seq in range(3)))
    await agent.until_acked(0, 1, 2)
    captured_ns = EPOCH * 10**9 + 10**8  # of frame 1, on the device's clock, which is an hour behind
    selector = control.FrameSelector(camera="door", time_ns=captured_ns + hour_ns)
    answer = await FramesServiceStub(channel).Get(
        control.GetRequest(frame=selector, quality=control.Quality(preview=True))
    )
    assert (answer.frame.seq, answer.time.capture_ns) == (1, captured_ns)
    await agent.leave()


async def test_an_agent_that_lost_its_ring_has_a_file_for_each_epoch(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    _, channel = await start_cloud()
    packet = TestCodec(dct_package).base(0).packet
    for epoch in (EPOCH + 1, EPOCH):
        agent = FakeAgent(channel)
        agent.send(hello(dct_package.fingerprint, "door", epoch=epoch), format_change("door", packet))
        agent.send(frame(0, packet), frame(1, packet))
        await agent.until_acked(0, 1)
        await agent.leave()
    files: dict[int, bytes] = {}
    async for answer in FramesServiceStub(channel).Export(control.ExportRequest(camera="door", end_ns=2**62)):
        files[answer.epoch] = files.get(answer.epoch, b"") + answer.data
    assert list(files) == [EPOCH, EPOCH + 1]
    for data in files.values():
        assert [found.seq for found in read_slim(data, Limits())] == [0, 1]


async def test_cameras_say_whether_they_are_connected_and_what_is_stored(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    _, channel = await start_cloud()
    agent = await send_frames(channel, dct_package, range(3))
    cameras = CamerasServiceStub(channel)
    [camera] = (await cameras.List(control.CamerasServiceListRequest())).cameras
    assert (camera.camera, camera.agent, camera.is_connected) == ("door", "agent-1", True)
    assert (camera.newest_seq, camera.stored_frames) == (2, 3)
    await agent.leave()
    [camera] = (await cameras.List(control.CamerasServiceListRequest())).cameras
    assert not camera.is_connected


def change(**wanted: object) -> control.ChangeSettingsRequest:
    return control.ChangeSettingsRequest(camera="door", timeout_ms=round(1000 * PATIENCE_S), **wanted)  # type: ignore[arg-type]


async def test_a_change_of_settings_goes_to_the_agent_and_comes_back_as_what_is_in_force(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    _, channel = await start_cloud()
    agent = FakeAgent(channel)
    agent.send(hello(dct_package.fingerprint, "gate", "door"))
    await agent.until("welcome")
    cameras = CamerasServiceStub(channel)
    asked = asyncio.create_task(_change(cameras, change(quality=30, is_reset=True)))
    [wish] = await agent.until("settings")
    assert (wish.settings.camera_index, wish.settings.quality, wish.settings.is_reset) == (1, 30.0, True)
    assert not wish.settings.HasField("width")
    late = SettingsInForce(settings_id="nobody asked", quality=99)
    named = SettingsInForce(
        settings_id=wish.settings.settings_id, quality=30, width=0.5, directed=["quality"]
    )
    agent.send(StreamRequest(settings=late), StreamRequest(settings=named))
    answer = await asked
    assert (answer.quality, answer.width, list(answer.directed)) == (30.0, 0.5, ["quality"])
    await agent.leave()


async def test_what_an_agent_cannot_do_and_an_agent_that_goes_are_told_apart(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    _, channel = await start_cloud()
    cameras = CamerasServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError, match="not connected") as error:
        await cameras.ChangeSettings(change())
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE
    agent = FakeAgent(channel)
    agent.send(hello(dct_package.fingerprint, "door"))
    await agent.until("welcome")
    asked = asyncio.create_task(_change(cameras, change(width=0.3)))
    [wish] = await agent.until("settings")
    refusal = SettingsInForce(settings_id=wish.settings.settings_id, refusal="there is no width 0.3")
    agent.send(StreamRequest(settings=refusal))
    with pytest.raises(grpc.aio.AioRpcError, match="there is no width") as error:
        await asked
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    asked = asyncio.create_task(_change(cameras, change(width=0.5)))
    await agent.until("settings", 2)
    await agent.vanish()
    with pytest.raises(grpc.aio.AioRpcError, match="has disconnected"):
        await asked


async def test_an_agent_that_does_not_answer_is_not_waited_for_for_ever(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    _, channel = await start_cloud()
    agent = FakeAgent(channel)
    agent.send(hello(dct_package.fingerprint, "door"))
    await agent.until("welcome")
    request = control.ChangeSettingsRequest(camera="door", quality=1, timeout_ms=50)
    with pytest.raises(grpc.aio.AioRpcError, match="did not answer"):
        await CamerasServiceStub(channel).ChangeSettings(request)
    await agent.leave()


async def _change(
    cameras: CamerasServiceStub, request: control.ChangeSettingsRequest
) -> control.ChangeSettingsResponse:
    return await cameras.ChangeSettings(request)  # type: ignore[misc, no-any-return]


async def test_health_and_reflection_know_the_services(start_cloud: StartCloud) -> None:
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    _, channel = await start_cloud()
    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", "slimstream.v1.IngestService", "slimstream.v1.FramesService"):
        answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_the_roles_run_in_processes_of_their_own_over_one_store(
    start_cloud: StartCloud, dct_package: ModelPackage
) -> None:
    _, gateway = await start_cloud(frozenset({Role.GATEWAY}))
    await start_cloud(frozenset({Role.WORKER}), worker=DETECT)
    _, api = await start_cloud(frozenset({Role.API}))
    agent = await send_frames(gateway, dct_package, range(4))
    assert sorted(result.frame.seq for result in await collect(api, 4)) == [0, 1, 2, 3]
    answer = await FramesServiceStub(api).Get(get(2))
    assert psnr_db(opened(answer), picture(2)) > 20
    with pytest.raises(grpc.aio.AioRpcError, match="no agent is connected to this process"):
        await FramesServiceStub(api).Get(get(2, full=True))
    await agent.leave()


async def test_a_second_gateway_on_the_same_store_is_refused(start_cloud: StartCloud) -> None:
    await start_cloud(frozenset({Role.GATEWAY}))
    with pytest.raises(StorageError, match="another process"):
        await start_cloud(frozenset({Role.GATEWAY}))
