"""The link to the gateway, over loopback: cut and returned, refused, starved of credit, asked for more."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from edge.camera import CameraSettingsNow
from edge.config import LinkConfig
from edge.directions import Directions
from edge.encoder import CodingChoice
from edge.metrics import EdgeMetrics
from edge.pull_delivery import PullDelivery
from edge.pulls import PullAnswer, PullRequest
from edge.ring import Ring
from edge.ring_link import RingLink
from edge.ring_records import RecordType
from edge.session import BufferPolicy, UplinkSession
from edge.status import hello_message
from edge.uplink import Uplink
from edge.wish import Wish
from runtime.clock import SystemClock
from runtime.credentials import ClientSecurity
from runtime.segment_log.options import SegmentLogOptions
from slimstream.v1 import frame_pb2, ingest_pb2
from tests.edge.black_hole import Relay
from tests.edge.coded_frames import FINGERPRINT, kept_frame
from tests.edge.fake_gateway import FakeGateway
from tests.edge.waiting import LIMIT_S

OPTIONS = SegmentLogOptions(1 << 16, 1 << 20, sync_interval_s=None)


class KeptSources:
    """Answers every pull with what was kept: the making of enhancements has tests of its own."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring

    def answer(self, request: PullRequest) -> PullAnswer:
        return PullAnswer("image/jpeg", self.ring.read_kept(request.frame_id)[2], psnr_db=40.0)

    def release(self) -> None:
        pass


class Rig:
    """An agent without cameras: the test takes the frames."""

    def __init__(
        self,
        directory: Path,
        port: int,
        policy: BufferPolicy = BufferPolicy.ALL,
        security: ClientSecurity | None = None,
    ) -> None:
        self.clock = SystemClock()
        self.ring = Ring.open(directory, OPTIONS, ["cam"], self.clock)
        self.session = UplinkSession(live_frames_max=4)
        unsent = self.ring.unsent("cam")
        self.session.add_camera("cam", unsent.epoch, policy, unsent.seqs, unsent.gaps)
        self.metrics = EdgeMetrics()
        self.pulls = PullDelivery(KeptSources(self.ring), self.ring, 4, self.metrics)
        self.wishes: list[Wish] = []
        self.settings = CameraSettingsNow(CodingChoice(50.0, 0.25, 50.0), 5.0)
        self.link = RingLink(self.ring, self.session, self.clock, self.metrics)
        self.uplink = Uplink(
            LinkConfig(
                target=f"127.0.0.1:{port}",
                security=security or ClientSecurity(),
                retry_s_max=0.05,
                keepalive_s=5.0,
            ),
            self.session,
            self.link,
            self.pulls,
            hello=lambda: hello_message("a", self.ring, ["cam"], [FINGERPRINT], self.clock.boot_id),
            status=ingest_pb2.AgentStatus,
            directions=Directions(self.ring, ["cam"], [self]),
            clock=self.clock,
            metrics=self.metrics,
        )

    def direct(self, wish: Wish) -> None:
        self.wishes.append(wish)

    def keep(self, count: int) -> list[int]:
        seqs = [self.ring.next_seq("cam") for _ in range(count)]
        for seq in seqs:
            frame = kept_frame("cam", self.ring.epoch("cam"), seq)
            self.ring.append_frame(frame, (RecordType.SOURCE, b"source %d" % seq))
        return seqs

    async def settled(self) -> None:
        async with asyncio.timeout(LIMIT_S):
            await asyncio.sleep(0)  # let what the ring announced reach the session
            await self.link.drained()


@asynccontextmanager
async def running(
    directory: Path,
    port: int,
    policy: BufferPolicy = BufferPolicy.ALL,
    security: ClientSecurity | None = None,
) -> AsyncIterator[Rig]:
    """An agent that is killed at the end of the block: nothing is flushed for it."""
    rig = Rig(directory, port, policy, security)
    rig.link.listen()
    task = asyncio.create_task(rig.uplink.run())
    try:
        yield rig
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        rig.pulls.close()
        rig.link.close()
        rig.ring._log.close()


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    fake = FakeGateway()
    await fake.start()
    yield fake
    await fake.give_up()


def seqs_of(pairs: list[tuple[str, int]]) -> list[int]:
    return [seq for _, seq in pairs]


async def test_everything_kept_is_stored_once(tmp_path: Path, gateway: FakeGateway) -> None:
    async with running(tmp_path, gateway.port) as rig:
        seqs = rig.keep(30)
        await rig.settled()
    assert sorted(seqs_of(gateway.received)) == seqs
    sent = gateway.stored["cam", 7]
    assert gateway.formats["cam", sent.format_id].frame_width == 64
    assert sent.time.capture_ns == 7 * 10**9


async def test_a_cut_link_costs_no_frame_and_sends_nothing_acknowledged_again(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    async with running(tmp_path, gateway.port) as rig:
        rig.keep(10)
        await rig.settled()
        gateway.acks = False
        rig.keep(5)
        await gateway.until(lambda: len(gateway.received) == 15)
        stored = set(seqs_of(list(gateway.stored)))
        await gateway.stop()
        rig.keep(10)

        again = FakeGateway(stored=gateway.stored)
        await again.start(gateway.port)
        rig.keep(5)
        await rig.settled()
    assert stored == set(range(10))
    assert set(seqs_of(again.received)) == set(range(10, 30))
    assert len(again.received) == 20
    assert not again.gaps
    await again.stop()


async def test_live_frames_go_before_the_backlog_after_a_cut(tmp_path: Path, gateway: FakeGateway) -> None:
    await gateway.stop()
    again = FakeGateway(credit_frames=6)
    async with running(tmp_path, gateway.port) as rig:
        rig.keep(12)
        await again.start(gateway.port)
        await rig.settled()
    assert seqs_of(again.received)[:6] == [8, 9, 10, 11, 0, 1]
    assert [again.stored["cam", seq].backlog for seq in (8, 0)] == [False, True]
    await again.stop()


async def test_a_killed_agent_goes_on_where_its_acknowledgements_ended(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    async with running(tmp_path, gateway.port) as rig:
        rig.keep(8)
        await rig.settled()
        rig.ring.checkpoint()
        gateway.acks = False
        rig.keep(4)
        await gateway.until(lambda: len(gateway.received) == 12)
    gateway.acks = True
    gateway.received.clear()
    async with running(tmp_path, gateway.port) as rig:
        rig.keep(2)
        await rig.settled()
    assert sorted(seqs_of(gateway.received)) == list(range(8, 14))
    assert [gap.reason for gap in gateway.gaps.values()] == [frame_pb2.GAP_REASON_AGENT_STOPPED]


async def test_what_the_gateway_says_to_have_on_welcome_is_not_sent(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    gateway.stored["cam", 1] = ingest_pb2.FramePacket()
    await gateway.stop()
    again = FakeGateway(stored=gateway.stored)
    async with running(tmp_path, gateway.port) as rig:
        rig.keep(3)
        await again.start(gateway.port)
        await rig.settled()
    assert sorted(seqs_of(again.received)) == [0, 2]
    await again.stop()


async def test_frames_that_the_newest_policy_drops_are_a_true_gap(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    await gateway.stop()
    again = FakeGateway()
    async with running(tmp_path, gateway.port, BufferPolicy.NEWEST) as rig:
        rig.keep(20)
        await asyncio.sleep(0)
        await again.start(gateway.port)
        await rig.settled()
    (gap,) = again.gaps.values()
    assert (gap.reason, gap.frames) == (frame_pb2.GAP_REASON_LINK_DOWN, 16)
    assert (gap.first_seq, gap.last_seq) == (0, 15)
    assert sorted(seqs_of(again.received)) == [16, 17, 18, 19]
    await again.stop()


async def test_no_more_is_sent_than_there_is_credit_for(tmp_path: Path, gateway: FakeGateway) -> None:
    gateway.credit_frames, gateway.acks = 3, False
    async with running(tmp_path, gateway.port) as rig:
        rig.keep(10)
        await gateway.until(lambda: len(gateway.received) == 3)
        gateway.say(credit=ingest_pb2.Credit(bytes=1, frames=2))
        await gateway.until(lambda: len(gateway.received) == 5)
        assert rig.session.credit_frames == 0


async def test_a_frame_that_the_gateway_rejects_becomes_a_gap(tmp_path: Path, gateway: FakeGateway) -> None:
    gateway.acks = False
    async with running(tmp_path, gateway.port) as rig:
        rig.keep(1)
        await gateway.until(lambda: len(gateway.received) == 1)
        gateway.acks = True
        gateway.say(reject=ingest_pb2.Reject(reason="checksum", detail="wrong", camera_index=0, seq=0))
        await gateway.until(lambda: rig.session.unacknowledged_frames == 0)
        await rig.settled()
    (gap,) = gateway.gaps.values()
    assert (gap.reason, gap.first_seq) == (frame_pb2.GAP_REASON_ENCODE_FAILED, 0)


async def test_a_pull_brings_the_kept_source_with_its_hash(tmp_path: Path, gateway: FakeGateway) -> None:
    async with running(tmp_path, gateway.port) as rig:
        rig.keep(3)
        await rig.settled()
        frame = frame_pb2.FrameId(camera="cam", epoch=rig.ring.epoch("cam"), seq=2)
        gateway.say(pull=ingest_pb2.Pull(pull_id="p", frame=frame, layer=frame_pb2.LAYER_SOURCE))
        await gateway.until(lambda: "p" in gateway.deliveries)
    head, data = gateway.deliveries["p"]
    assert data == b"source 2"
    assert head.sha256 == hashlib.sha256(data).digest()
    assert (head.frame, head.total_bytes, head.psnr_db) == (frame, len(data), 40.0)


async def test_a_pull_for_a_frame_that_is_gone_says_what_is_near(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    async with running(tmp_path, gateway.port) as rig:
        rig.keep(3)
        await rig.settled()
        frame = frame_pb2.FrameId(camera="cam", epoch=rig.ring.epoch("cam"), seq=90)
        gateway.say(pull=ingest_pb2.Pull(pull_id="p", frame=frame, layer=frame_pb2.LAYER_SOURCE))
        await gateway.until(lambda: bool(gateway.refusals))
    (refusal,) = gateway.refusals
    assert refusal.is_not_held
    assert [near.seq for near in refusal.nearest] == [2, 1, 0]


async def test_settings_reach_the_camera(tmp_path: Path, gateway: FakeGateway) -> None:
    async with running(tmp_path, gateway.port) as rig:
        await gateway.until(lambda: bool(gateway.hellos))
        gateway.say(settings=ingest_pb2.Settings(camera_index=0, quality=30, settings_id="s"))
        await gateway.until(lambda: bool(gateway.settings))
    assert rig.wishes == [Wish(quality=30.0)]
    assert gateway.settings[0].settings_id == "s"
    assert list(gateway.settings[0].directed) == ["quality"]


async def test_an_evicted_frame_is_explained_and_not_waited_for(tmp_path: Path, gateway: FakeGateway) -> None:
    gateway.credit_frames = 0
    async with running(tmp_path, gateway.port) as rig:
        await gateway.until(lambda: bool(gateway.hellos))
        rig.keep(2)
        rig.ring._cameras["cam"].frames.drop_base(0)
        rig.link._fresh.clear()
        await asyncio.sleep(0)
        rig.link._fresh.clear()
        gateway.say(credit=ingest_pb2.Credit(bytes=1 << 20, frames=10))
        await gateway.until(lambda: rig.session.unacknowledged_frames == 0)
        await rig.settled()
    (gap,) = gateway.gaps.values()
    assert (gap.first_seq, gap.last_seq, gap.reason) == (0, 0, frame_pb2.GAP_REASON_EVICTED)
    assert seqs_of(gateway.received) == [1]


def count(metrics: EdgeMetrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(f"slimstream_edge_{name}", labels) or 0.0


async def test_an_agent_shows_its_token_and_one_without_is_refused_until_it_has_one(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    gateway.token = "let me in"
    async with running(tmp_path, gateway.port) as rig:
        rig.keep(1)
        while count(rig.metrics, "connections_total", result="refused") < 2:
            await asyncio.sleep(0.01)
        assert not gateway.hellos
    security = ClientSecurity(token=SecretStr("let me in"))
    async with running(tmp_path, gateway.port, security=security) as rig:
        await rig.settled()
    assert seqs_of(gateway.received) == [0]


async def test_a_camera_that_the_gateway_does_not_take_keeps_its_frames(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    gateway.refused_cameras = {"cam"}
    async with running(tmp_path, gateway.port) as rig:
        rig.keep(2)
        await gateway.until(lambda: bool(gateway.statuses))
        assert not gateway.received
        assert rig.session.unsent_frames == 2


@pytest.mark.slow
async def test_a_link_that_dies_without_a_word_is_noticed_and_costs_nothing(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    relay = Relay(gateway.port)
    await relay.start()
    async with running(tmp_path, relay.port) as rig:
        rig.keep(5)
        await rig.settled()
        relay.swallow()
        rig.keep(10)
        await gateway.until(lambda: len(gateway.stored) == 15)
        await rig.settled()
    assert relay.connections == 2
    assert sorted(seqs_of(gateway.received)) == list(range(15))
    await relay.stop()
