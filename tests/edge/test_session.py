"""What is sent, in which order; nothing acknowledged is sent again, nothing else is forgotten."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.gaps import Gap, GapReason, SeqSpan, new_gap_id
from edge.seq_set import SeqSet
from edge.session import BufferPolicy, FrameRef, UplinkSession

EPOCH = 5


def session_of(*policies: BufferPolicy, live_frames_max: int = 4) -> UplinkSession:
    session = UplinkSession(live_frames_max)
    for index, policy in enumerate(policies):
        session.add_camera(f"cam{index}", EPOCH, policy, SeqSet(), ())
    return session


def connect(session: UplinkSession, frames: int = 1000) -> None:
    session.connected()
    session.credited(1 << 30, frames)


def send_all(session: UplinkSession) -> list[FrameRef]:
    sent = []
    while (item := session.next_item()) is not None:
        assert isinstance(item, FrameRef)
        session.frame_sent(item, 100)
        sent.append(item)
    return sent


def gap_of(span: SeqSpan | None, camera: str = "cam0") -> Gap:
    return Gap(camera, EPOCH, 0, 1, GapReason.EVICTED, span, 1, new_gap_id())


def test_live_frames_go_before_the_backlog() -> None:
    session = session_of(BufferPolicy.ALL)
    for seq in range(10):
        session.frame_kept("cam0", seq)
    connect(session)
    assert [ref.seq for ref in send_all(session)] == [6, 7, 8, 9, 0, 1, 2, 3, 4, 5]


def test_what_was_sent_and_not_acknowledged_goes_again_after_a_reconnect_as_backlog() -> None:
    session = session_of(BufferPolicy.ALL)
    connect(session)
    for seq in range(3):
        session.frame_kept("cam0", seq)
    send_all(session)
    session.acknowledged(0, EPOCH, None, [SeqSpan(1, 1)], ())
    session.disconnected()
    connect(session)
    assert send_all(session) == [FrameRef(0, 0, is_backlog=True), FrameRef(0, 2, is_backlog=True)]


def test_cameras_take_turns() -> None:
    session = session_of(BufferPolicy.ALL, BufferPolicy.ALL)
    for seq in range(3):
        session.frame_kept("cam0", seq)
        session.frame_kept("cam1", seq)
    connect(session)
    assert [ref.camera_index for ref in send_all(session)] == [0, 1, 0, 1, 0, 1]


def test_without_credit_no_frame_goes_but_gaps_do() -> None:
    session = session_of(BufferPolicy.ALL)
    session.frame_kept("cam0", 0)
    session.connected()
    gap = gap_of(None)
    session.gap_kept(gap)
    assert session.next_item() == gap
    session.gap_sent(gap)
    assert session.next_item() is None
    session.credited(99, 1)
    assert session.next_item() == FrameRef(0, 0, is_backlog=False)
    assert not session.affords(100)
    session.credited(1, 0)
    assert session.affords(100)


def test_the_newest_policy_gives_up_the_oldest_frames_and_says_which() -> None:
    session = session_of(BufferPolicy.NEWEST, live_frames_max=2)
    dropped = [seq for new in range(5) for seq in session.frame_kept("cam0", new)]
    connect(session)
    assert dropped == [0, 1, 2]
    assert [ref.seq for ref in send_all(session)] == [3, 4]


def test_a_frame_that_a_gap_names_is_not_sent() -> None:
    session = session_of(BufferPolicy.ALL)
    for seq in range(3):
        session.frame_kept("cam0", seq)
    gap = gap_of(SeqSpan(0, 1))
    session.gap_kept(gap)
    connect(session)
    assert session.next_item() == gap
    session.gap_sent(gap)
    assert [ref.seq for ref in send_all(session)] == [2]


def test_a_gap_is_reported_on_every_connection_until_it_is_acknowledged() -> None:
    session = session_of(BufferPolicy.ALL)
    gap = gap_of(None)
    session.gap_kept(gap)
    for _ in range(2):
        connect(session)
        assert session.next_item() == gap
        session.gap_sent(gap)
        assert session.next_item() is None
    settled = session.acknowledged(0, EPOCH, None, (), [gap.gap_id, b"unknown"])
    assert settled is not None
    assert settled.gap_ids == (gap.gap_id,)
    connect(session)
    assert session.next_item() is None
    assert session.is_idle


def test_an_acknowledgement_of_another_epoch_or_camera_settles_nothing() -> None:
    session = session_of(BufferPolicy.ALL)
    session.frame_kept("cam0", 0)
    assert session.acknowledged(0, EPOCH + 1, 10, (), ()) is None
    assert session.acknowledged(7, EPOCH, 10, (), ()) is None
    assert session.unacknowledged_frames == 1


def test_an_acknowledgement_of_the_future_does_not_settle_frames_that_come_later() -> None:
    session = session_of(BufferPolicy.ALL)
    session.frame_kept("cam0", 0)
    session.acknowledged(0, EPOCH, 1 << 62, [SeqSpan(5, 9)], ())
    session.frame_kept("cam0", 1)
    connect(session)
    assert [ref.seq for ref in send_all(session)] == [1]


def test_a_refusal_of_a_camera_that_was_never_named_changes_nothing() -> None:
    session = session_of(BufferPolicy.ALL)
    session.frame_kept("cam0", 0)
    connect(session)
    session.refuse(1)
    assert [ref.seq for ref in send_all(session)] == [0]


def test_a_refused_camera_waits_and_does_not_hold_up_the_others() -> None:
    session = session_of(BufferPolicy.ALL, BufferPolicy.ALL)
    session.frame_kept("cam0", 0)
    session.frame_kept("cam1", 0)
    connect(session)
    session.refuse(0)
    assert [ref.camera_index for ref in send_all(session)] == [1]
    assert session.unsent_frames == 1


class AnySession(RuleBasedStateMachine):
    """Frames, gaps, acks, credits, drops and lost links in any order, against a plain model."""

    def __init__(self) -> None:
        super().__init__()
        self.session = session_of(BufferPolicy.ALL, BufferPolicy.NEWEST, live_frames_max=3)
        self.next_seq = [0, 0]
        self.owed: list[set[int]] = [set(), set()]
        self.settled: list[set[int]] = [set(), set()]
        self.sent_now: list[set[int]] = [set(), set()]
        self.credit = (0, 0)

    @rule(index=st.integers(0, 1))
    def keep_frame(self, index: int) -> None:
        seq = self.next_seq[index]
        self.next_seq[index] += 1
        self.owed[index].add(seq)
        self.owed[index] -= set(self.session.frame_kept(f"cam{index}", seq))

    @rule(index=st.integers(0, 1), first=st.integers(0, 30), count=st.integers(1, 4))
    def explain(self, index: int, first: int, count: int) -> None:
        span = SeqSpan(first, min(first + count, self.next_seq[index] - 1))
        if span.first <= span.last:
            self.session.gap_kept(gap_of(span, f"cam{index}"))
            self.owed[index] -= set(range(span.first, span.last + 1))

    @precondition(lambda self: not self.session.is_connected)
    @rule(size=st.integers(0, 2000), frames=st.integers(0, 8))
    def connect(self, size: int, frames: int) -> None:
        self.session.connected()
        self.session.credited(size, frames)
        self.credit = (size, frames)
        self.sent_now = [set(), set()]

    @precondition(lambda self: self.session.is_connected)
    @rule()
    def disconnect(self) -> None:
        self.session.disconnected()

    @precondition(lambda self: self.session.is_connected)
    @rule(size=st.integers(1, 600))
    def send(self, size: int) -> None:
        item = self.session.next_item()
        if isinstance(item, Gap):
            self.session.gap_sent(item)
        elif item is not None and self.session.affords(size):
            self.session.frame_sent(item, size)
            assert item.seq in self.owed[item.camera_index], "only what is owed is sent"
            assert item.seq not in self.sent_now[item.camera_index], "once a connection is enough"
            self.sent_now[item.camera_index].add(item.seq)
            self.credit = (self.credit[0] - size, self.credit[1] - 1)
            assert min(self.credit) >= 0, "credit is never overdrawn"

    @precondition(lambda self: self.session.is_connected)
    @rule(index=st.integers(0, 1), first=st.integers(0, 30), count=st.integers(0, 4))
    def acknowledge(self, index: int, first: int, count: int) -> None:
        named = set(range(first, first + count + 1)) & self.sent_now[index]
        self.session.acknowledged(index, EPOCH, None, [SeqSpan(seq, seq) for seq in named], ())
        self.owed[index] -= named
        self.settled[index] |= named

    @invariant()
    def nothing_is_forgotten(self) -> None:
        assert self.session.unacknowledged_frames == sum(map(len, self.owed))


AnySession.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnySession = AnySession.TestCase
