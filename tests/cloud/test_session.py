"""One stream without a socket: what is stored, acknowledged and refused."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.greeting import CameraEpoch, Greeting
from cloud.rejects import RejectedError
from cloud.sequences import SeqInterval, SeqSet
from cloud.session import NewFrame, NewGap, Now, Session, SessionLimits
from runtime.credentials import Grant
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.packet import Packet, PacketKind, Reference
from slimstream.v1.frame_pb2 import CaptureTime
from slimstream.v1.ingest_pb2 import ClockSample, StreamRequest, StreamResponse
from tests.cloud.fake_agent import EPOCH, format_change, frame, gap, hello, made_up_packet

MODEL = b"12345678"
KEY = CameraEpoch("door", EPOCH)
EVERYTHING = Grant("tester", writes=("*",))
PACKET = made_up_packet(MODEL)
LIMITS = SessionLimits(
    bitstream=Limits(),
    cameras_max=4,
    formats_max=4,
    window_bytes=1 << 20,
    window_frames=1000,
    bytes_per_second=1 << 30,
    rejects_burst=5,
)
NOW = Now(wall_ns=EPOCH * 10**9, steady_ns=0)


def greeted(
    stored: SeqSet | None = None, *, grant: Grant = EVERYTHING, limits: SessionLimits = LIMITS
) -> Session:
    """Return a session that has said hello for camera `door` and agreed on the format of PACKET."""
    session = Session(grant, [MODEL], limits, NOW)
    assert isinstance(session.receive(hello(MODEL, "door"), NOW)[0], Greeting)
    session.welcome({KEY: stored or SeqSet()}, "test", NOW)
    session.receive(format_change("door", PACKET), NOW)
    return session


def acked(answers: list[StreamResponse]) -> set[int]:
    return {
        seq for answer in answers for span in answer.ack.ranges for seq in range(span.first, span.last + 1)
    }


@given(st.lists(st.tuples(st.sampled_from(["send", "store", "ack"]), st.integers(0, 9)), max_size=60))
def test_only_what_is_durable_is_acknowledged_and_nothing_is_stored_twice(
    actions: list[tuple[str, int]],
) -> None:
    session = greeted()
    waiting: list[NewFrame] = []
    durable: set[int] = set()
    owed: set[int] = set()
    for action, number in actions:
        if action == "send":
            for event in session.receive(frame(number, PACKET), NOW):
                assert isinstance(event, NewFrame)
                assert number not in durable
                assert number not in {waits.layer.frame.seq for waits in waiting}
                waiting.append(event)
            owed |= {number} & durable
        elif action == "store" and waiting:
            event = waiting.pop(number % len(waiting))
            session.stored(event)
            durable.add(event.layer.frame.seq)
            owed.add(event.layer.frame.seq)
        elif action == "ack":
            assert acked(session.acknowledge(NOW)) == owed
            owed = set()
    assert acked(session.acknowledge(NOW)) == owed
    assert owed <= durable


def test_the_cumulative_ack_stops_at_the_first_number_that_is_missing_and_gaps_fill_it() -> None:
    session = greeted()
    for seq in (0, 1, 4):
        [event] = session.receive(frame(seq, PACKET), NOW)
        assert isinstance(event, NewFrame)
        session.stored(event)
    assert session.acknowledge(NOW)[0].ack.through_seq == 1
    [missing] = session.receive(gap("door", 1, 2, 3), NOW)
    assert isinstance(missing, NewGap)
    session.stored(missing)
    ack = session.acknowledge(NOW)[0].ack
    assert ack.through_seq == 4
    assert list(ack.gap_ids) == [missing.gap.gap_id]


def test_a_frame_inside_a_gap_is_not_acknowledged_unseen() -> None:
    session = greeted()
    [missing] = session.receive(gap("door", 1, 0, 5), NOW)
    assert isinstance(missing, NewGap)
    session.stored(missing)
    [event] = session.receive(frame(3, PACKET), NOW)
    assert isinstance(event, NewFrame)
    assert acked(session.acknowledge(NOW)) == set()
    session.stored(event)
    assert acked(session.acknowledge(NOW)) == {3}


def test_a_frame_of_an_earlier_stream_goes_to_the_store_which_knows_it() -> None:
    session = greeted(SeqSet([SeqInterval(0, 9)]))
    assert isinstance(session.receive(frame(4, PACKET), NOW)[0], NewFrame)
    assert acked(session.acknowledge(NOW)) == set()


def test_welcome_says_what_is_stored_within_what_the_agent_holds() -> None:
    session = Session(EVERYTHING, [MODEL], LIMITS, NOW)
    message = hello(MODEL, "door")
    message.hello.cameras[0].oldest_held_seq, message.hello.cameras[0].newest_held_seq = 5, 20
    session.receive(message, NOW)
    stored = SeqSet([SeqInterval(0, 6), SeqInterval(9, 11), SeqInterval(30, 31)])
    welcome = session.welcome({KEY: stored}, "test", NOW).welcome
    assert welcome.cameras[0].stored_through_seq == 6
    assert [(span.first, span.last) for span in welcome.cameras[0].stored] == [(9, 11)]
    assert welcome.credit.bytes == LIMITS.window_bytes


def test_a_stored_packet_is_the_one_that_was_sent_in_complete_form() -> None:
    from shared_models.bitstream.reader import read_packet

    session = greeted()
    [event] = session.receive(frame(3, PACKET), NOW)
    assert isinstance(event, NewFrame)
    assert read_packet(event.packet, Limits()) == PACKET
    assert (event.layer.frame.camera, event.layer.frame.epoch, event.layer.frame.seq) == ("door", EPOCH, 3)
    assert event.layer.agent == "agent-1"


def test_a_clock_sample_is_answered_and_its_offset_marks_the_frames_that_follow() -> None:
    session = greeted()
    sample = StreamRequest(clock=ClockSample(sent_ns=5, offset_ns=-250, uncertainty_ns=40))
    [answer] = session.receive(sample, NOW)
    assert isinstance(answer, StreamResponse)
    assert (answer.clock.sent_ns, answer.clock.received_ns) == (5, NOW.wall_ns)
    [event] = session.receive(frame(0, PACKET), NOW)
    assert isinstance(event, NewFrame)
    assert (event.layer.clock_offset_ns, event.layer.clock_uncertainty_ns) == (-250, 40)
    session.receive(StreamRequest(clock=ClockSample(sent_ns=6, is_stepped=True)), NOW)
    assert session.clock_offset_ns is None


def test_a_predicted_frame_without_its_reference_is_answered_by_a_wish_for_an_intra_frame() -> None:
    session = greeted()
    predicted = Packet(
        kind=PacketKind.BASE_PREDICTED,
        fingerprint=MODEL,
        frame_width=64,
        frame_height=48,
        quality_code=0,
        width_id=0,
        reference=Reference(3, 1),
        symbols_crc32c=2,
        parts=(b"x",),
    )
    answers = session.receive(frame(4, predicted), NOW)
    kinds = [answer.WhichOneof("message") for answer in answers if isinstance(answer, StreamResponse)]
    assert kinds == ["reject", "keyframe"]
    session.receive(frame(3, PACKET), NOW)
    assert isinstance(session.receive(frame(4, predicted), NOW)[0], NewFrame)


def _bad_frame(change: Callable[[StreamRequest], object]) -> StreamRequest:
    message = frame(0, PACKET)
    change(message)
    return message


def _set_packet(data: bytes) -> Callable[[StreamRequest], object]:
    return lambda message: setattr(message.frame, "packet", data)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (StreamRequest(), "message_empty"),
        (hello(MODEL, "door"), "hello_repeated"),
        (_bad_frame(lambda m: setattr(m.frame, "camera_index", 7)), "camera_unknown"),
        (_bad_frame(lambda m: setattr(m.frame, "format_id", 3)), "format_unknown"),
        (_bad_frame(lambda m: setattr(m.frame, "seq", 2**64 - 1)), "frame_invalid"),
        (_bad_frame(lambda m: m.frame.time.CopyFrom(CaptureTime(capture_ns=-1))), "frame_invalid"),
        (_bad_frame(_set_packet(b"")), "truncated"),
        (_bad_frame(_set_packet(b"\xff" * 20)), "unsupported"),
        (_bad_frame(_set_packet(b"\x10\xff\x0f" + bytes(9))), "malformed"),
        (format_change("hall", PACKET), "camera_unknown"),
        (format_change("door", PACKET, format_id=4), "format_invalid"),
        (format_change("door", made_up_packet(b"87654321")), "model_not_accepted"),
        (format_change("door", made_up_packet(MODEL, width=65535, height=65535)), "limit"),
        (gap("hall", 1, 2, 3), "camera_unknown"),
        (gap("door", 1, 3, 2), "gap_invalid"),
        (gap("door", 1, 2, 3, reason=0), "gap_invalid"),
        (StreamRequest(clock=ClockSample(offset_ns=2**62)), "clock_invalid"),
    ],
)
def test_each_kind_of_bad_message_has_its_reason(message: StreamRequest, reason: str) -> None:
    session = greeted()
    with pytest.raises(RejectedError) as rejected:
        session.receive(message, NOW)
    assert rejected.value.why == reason
    assert session.refuse(rejected.value, message, NOW).reject.reason == reason


@pytest.mark.parametrize(
    "change",
    [
        lambda m: setattr(m.hello, "agent", "../etc"),
        lambda m: setattr(m.hello, "revision", 0),
        lambda m: setattr(m.hello, "boot_id", "yesterday"),
        lambda m: setattr(m.hello, "software", "x" * 1000),
        lambda m: m.hello.ClearField("cameras"),
        lambda m: m.hello.cameras.extend([m.hello.cameras[0]]),
        lambda m: setattr(m.hello.cameras[0], "camera", "a b"),
        lambda m: setattr(m.hello.cameras[0], "epoch", 0),
        lambda m: setattr(m.hello.cameras[0], "epoch", 2**64 - 1),
        lambda m: m.hello.cameras[0].model_fingerprints.extend([MODEL] * 99),
    ],
)
def test_a_hello_that_cannot_be_is_fatal(change: Callable[[StreamRequest], object]) -> None:
    message = hello(MODEL, "door")
    change(message)
    with pytest.raises(RejectedError) as rejected:
        Session(EVERYTHING, [MODEL], LIMITS, NOW).receive(message, NOW)
    assert rejected.value.why == "hello_invalid"
    assert rejected.value.is_fatal


def test_nothing_is_taken_before_hello() -> None:
    with pytest.raises(RejectedError) as rejected:
        Session(EVERYTHING, [MODEL], LIMITS, NOW).receive(frame(0, PACKET), NOW)
    assert rejected.value.why == "hello_missing"


def test_a_camera_beyond_the_grant_or_without_a_known_model_is_refused_alone() -> None:
    session = Session(Grant("edge-1", writes=("door*",)), [MODEL], LIMITS, NOW)
    message = hello(MODEL, "door-1", "vault", "door-2")
    message.hello.cameras[2].model_fingerprints[:] = [b"unknown!"]
    session.receive(message, NOW)
    welcome = session.welcome({}, "test", NOW).welcome
    assert [bool(camera.refusal) for camera in welcome.cameras] == [False, True, True]
    assert [list(camera.accepted_models) for camera in welcome.cameras] == [[MODEL], [], []]


def test_a_peer_is_cut_after_too_many_refusals_but_one_a_second_is_forgiven() -> None:
    def refuse(session: Session, now: Now) -> bool:
        with pytest.raises(RejectedError) as rejected:
            session.receive(StreamRequest(), now)
        return session.refuse(rejected.value, None, now).reject.is_fatal

    session = greeted()
    assert [refuse(session, NOW) for _ in range(6)] == [False] * 5 + [True]
    patient = greeted()
    assert not any(refuse(patient, Now(0, second * 10**9)) for second in range(50))
