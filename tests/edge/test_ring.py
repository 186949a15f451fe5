"""The ring: what survives, what is sent again after a restart, what is said of what is gone."""

import contextlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.gaps import Gap, GapReason, SeqSpan, new_gap_id
from edge.ring import FrameKept, GapKept, Ring, RingEvent
from edge.ring_records import RecordType
from edge.wish import Wish
from runtime.clock import ManualClock
from runtime.segment_log.options import SegmentLogOptions
from shared_models.errors import NotHeldError, StorageError
from shared_models.frames import FrameId
from tests.edge.coded_frames import SECOND, kept_frame
from tests.runtime.segment_log.simulated_disk import SimulatedDisk

OpenRing = Callable[..., Ring]


@pytest.fixture
def open_ring(tmp_path: Path) -> OpenRing:
    def open_it(
        clock: ManualClock | None = None, segment_bytes: int = 1 << 16, budget_bytes: int = 1 << 20
    ) -> Ring:
        options = SegmentLogOptions(segment_bytes, budget_bytes, sync_interval_s=None)
        return Ring.open(tmp_path / "ring", options, ["cam"], clock or ManualClock())

    return open_it


def keep(ring: Ring, count: int, source_bytes: int = 100) -> list[int]:
    """Append frames as a camera does; return their numbers."""
    seqs = []
    for _ in range(count):
        seq = ring.next_seq("cam")
        frame = kept_frame("cam", ring.epoch("cam"), seq)
        ring.append_frame(frame, (RecordType.SOURCE, bytes(source_bytes)))
        seqs.append(seq)
    return seqs


def unsent(ring: Ring) -> list[int]:
    return [seq for span in ring.unsent("cam").seqs.spans() for seq in range(span.first, span.last + 1)]


def crash(ring: Ring) -> None:
    """Let go of the files as a killed process does: nothing more is written."""
    ring._log.close()  # closing adds no record; a seal at most


def explained(gaps: tuple[Gap, ...]) -> set[int]:
    return {s for gap in gaps if gap.seqs for s in range(gap.seqs.first, gap.seqs.last + 1)}


def test_a_frame_comes_back_as_it_was_kept(open_ring: OpenRing) -> None:
    ring = open_ring()
    (seq,) = keep(ring, 1)
    assert ring.read_frame("cam", seq) == kept_frame("cam", ring.epoch("cam"), seq)
    frame, kind, source = ring.read_kept(FrameId("cam", ring.epoch("cam"), seq))
    assert (frame.seq, kind, source) == (seq, RecordType.SOURCE, bytes(100))


def test_after_a_crash_acknowledged_frames_are_not_sent_again_and_the_others_are(open_ring: OpenRing) -> None:
    ring = open_ring()
    epoch = ring.epoch("cam")
    keep(ring, 10)
    ring.settle("cam", [SeqSpan(0, 3), SeqSpan(6, 7)])
    ring.checkpoint()
    crash(ring)
    again = open_ring()
    assert (again.epoch("cam"), unsent(again)) == (epoch, [4, 5, 8, 9])
    assert keep(again, 1) == [10]


def test_the_time_without_an_agent_is_a_gap(open_ring: OpenRing) -> None:
    clock = ManualClock()
    ring = open_ring(clock)
    keep(ring, 1)
    ring.close()
    stopped_ns = clock.wall_ns()
    clock.advance(300 * SECOND)
    (gap,) = open_ring(clock).unsent("cam").gaps
    assert (gap.reason, gap.seqs) == (GapReason.AGENT_STOPPED, None)
    assert (gap.start_ns, gap.end_ns) == (stopped_ns, clock.wall_ns())


def test_a_first_start_has_nothing_to_explain(open_ring: OpenRing) -> None:
    assert open_ring().unsent("cam").gaps == ()


def test_a_lost_ring_gives_a_new_epoch(open_ring: OpenRing, tmp_path: Path) -> None:
    clock = ManualClock()
    ring = open_ring(clock)
    keep(ring, 3)
    epoch = ring.epoch("cam")
    ring.close()
    (tmp_path / "ring").rename(tmp_path / "lost")
    clock.advance(5 * SECOND)
    again = open_ring(clock)
    assert again.epoch("cam") > epoch
    assert keep(again, 1) == [0]


def test_after_a_loss_of_power_no_number_is_used_twice_and_the_skipped_ones_are_explained(
    open_ring: OpenRing,
) -> None:
    ring = open_ring()
    keep(ring, 5)
    crash(ring)
    again = open_ring(ManualClock(boot_id="ffffffffffffffff"))
    (seq,) = keep(again, 1)
    assert seq > 1000, "the disk may have lost up to a reservation of numbers"
    gaps = again.unsent("cam").gaps
    assert explained(gaps) == set(range(5, seq))
    assert sum(gap.frames for gap in gaps) == 0, "numbers were skipped, not pictures"


def test_a_clean_stop_and_a_reboot_skip_no_number(open_ring: OpenRing) -> None:
    ring = open_ring()
    keep(ring, 5)
    ring.close()
    assert keep(open_ring(ManualClock(boot_id="ffffffffffffffff")), 1) == [5]


def test_sources_are_evicted_before_packets(open_ring: OpenRing) -> None:
    ring = open_ring()
    keep(ring, 200, source_bytes=20_000)
    assert unsent(ring) == list(range(200))
    with pytest.raises(NotHeldError):
        ring.read_kept(FrameId("cam", ring.epoch("cam"), 0))
    assert ring.read_kept(FrameId("cam", ring.epoch("cam"), 199))[2] == bytes(20_000)
    nearest = ring.nearest(FrameId("cam", ring.epoch("cam"), 0), 2)
    assert [frame_id.seq + 1 for frame_id in nearest[:1]] == [nearest[1].seq]


def test_an_unacknowledged_frame_that_is_evicted_becomes_a_gap(open_ring: OpenRing) -> None:
    ring = open_ring(segment_bytes=8192, budget_bytes=65536)
    events: list[RingEvent] = []
    ring.subscribe(events.append)
    keep(ring, 1500, source_bytes=10)
    gaps = [event.gap for event in events if isinstance(event, GapKept)]
    assert gaps
    assert {gap.reason for gap in gaps} == {GapReason.EVICTED}
    assert explained(tuple(gaps)) | set(unsent(ring)) == set(range(1500))
    assert explained(tuple(gaps)) & set(unsent(ring)) == set()
    assert sum(isinstance(event, FrameKept) for event in events) == 1500
    assert ring.stats.size_bytes <= 65536


def test_acknowledged_packets_without_source_are_given_up(open_ring: OpenRing) -> None:
    ring = open_ring(segment_bytes=8192, budget_bytes=1 << 20)
    for _ in range(300):
        seq = ring.next_seq("cam")
        ring.append_frame(kept_frame("cam", ring.epoch("cam"), seq), None)
    ring.settle("cam", [SeqSpan(0, 299)])
    for _ in range(3):
        ring.checkpoint()
    assert ring.stats.size_bytes < 3 * 8192


def test_a_gap_is_reported_after_a_restart_until_it_is_acknowledged(open_ring: OpenRing) -> None:
    ring = open_ring()
    keep(ring, 3)
    gap = Gap("cam", ring.epoch("cam"), 1, 2, GapReason.EVICTED, SeqSpan(0, 1), 2, new_gap_id())
    ring.append_gap(gap)
    assert unsent(ring) == [2]
    crash(ring)
    ring = open_ring()
    assert gap in ring.unsent("cam").gaps
    assert unsent(ring) == [2]
    ring.settle("cam", [], [g.gap_id for g in ring.unsent("cam").gaps])
    ring.close()
    ring = open_ring()
    assert [g.reason for g in ring.unsent("cam").gaps] == [GapReason.AGENT_STOPPED]
    assert unsent(ring) == [2]


def test_a_damaged_record_costs_itself_and_is_explained(open_ring: OpenRing, tmp_path: Path) -> None:
    ring = open_ring()
    keep(ring, 20)
    target = kept_frame("cam", ring.epoch("cam"), 11).packet
    crash(ring)
    for path in (tmp_path / "ring").glob("*"):
        data = bytearray(path.read_bytes()) if path.is_file() else bytearray()
        if (at := data.find(target)) >= 0:
            data[at - 60] ^= 0x10  # in the record's header, so that it is not even named any more
            path.write_bytes(data)
    ring = open_ring()
    left = ring.unsent("cam")
    assert set(unsent(ring)) | explained(left.gaps) == set(range(20))
    assert explained(left.gaps) == {11}


def test_a_camera_that_is_not_configured_any_more_is_named_until_it_owes_nothing(
    open_ring: OpenRing, tmp_path: Path
) -> None:
    ring = open_ring()
    keep(ring, 2)
    ring.close()
    options = SegmentLogOptions(1 << 16, 1 << 20, sync_interval_s=None)
    other = Ring.open(tmp_path / "ring", options, ["new"], ManualClock())
    assert set(other.cameras) == {"new", "cam"}
    assert unsent(other) == [0, 1]
    assert other.unsent("cam").gaps == (), "nobody looks after it, so nothing is missing"
    other.settle("cam", [SeqSpan(0, 1)])
    other.close()
    other = Ring.open(tmp_path / "ring", options, ["new"], ManualClock())
    assert other.cameras == ("new",)
    other.close()
    again = open_ring()
    assert keep(again, 1) == [2]
    assert [gap.reason for gap in again.unsent("cam").gaps] == [GapReason.AGENT_STOPPED]


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("keep"), st.integers(1, 5)),
            st.tuples(st.just("settle"), st.integers(0, 30)),
            st.tuples(st.just("crash"), st.booleans()),
            st.tuples(st.just("skip"), st.integers(1, 3)),
        ),
        max_size=20,
    )
)
def test_through_any_crashes_every_number_is_settled_owed_or_explained(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    options = SegmentLogOptions(1 << 16, 1 << 20, sync_interval_s=None)
    directory = tmp_path_factory.mktemp("ring")
    boot = 0
    ring = Ring.open(directory, options, ["cam"], ManualClock(boot_id=f"{boot:016x}"))
    kept, settled = set[int](), set[int]()
    for step, value in steps:
        if step == "keep":
            new = keep(ring, value)
            assert not kept & set(new), "no number is given out twice"
            kept |= set(new)
        elif step == "settle" and kept:
            named = {seq for seq in kept if seq <= value}
            ring.settle("cam", [SeqSpan(seq, seq) for seq in named])
            ring.checkpoint()
            settled |= named
        elif step == "crash":
            crash(ring)
            boot += int(value)
            ring = Ring.open(directory, options, ["cam"], ManualClock(boot_id=f"{boot:016x}"))
        elif step == "skip":
            skipped = [ring.next_seq("cam") for _ in range(value)]
            span = SeqSpan(skipped[0], skipped[-1])
            gap = Gap("cam", ring.epoch("cam"), 0, 0, GapReason.GATED, span, value, new_gap_id())
            ring.append_gap(gap)
    owed, gaps = set(unsent(ring)), explained(ring.unsent("cam").gaps)
    assert owed == kept - settled
    assert not owed & gaps
    last = max(kept | gaps, default=-1)
    assert owed | gaps | settled == set(range(last + 1))
    ring.close()


def test_a_full_disk_gives_up_sources_first_and_the_ring_stays_up(tmp_path: Path) -> None:
    disk = SimulatedDisk()
    disk.capacity_bytes = 1 << 20
    options = SegmentLogOptions(1 << 16, 1 << 30, sync_interval_s=None, filesystem=disk)
    ring = Ring.open(tmp_path / "ring", options, ["cam"], ManualClock())
    keep(ring, 200, source_bytes=20_000)
    assert unsent(ring) == list(range(200))
    assert ring.read_kept(FrameId("cam", ring.epoch("cam"), 199))[2] == bytes(20_000)
    ring.close()


@settings(max_examples=30)
@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=4),
    seed=st.integers(0, 1 << 32),
    is_settling=st.booleans(),
)
def test_losing_power_reuses_no_number_and_leaves_none_unexplained(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], seed: int, is_settling: bool
) -> None:
    rng = random.Random(seed)
    directory = tmp_path_factory.mktemp("ring")
    disk = SimulatedDisk()
    given_out, acknowledged = set[int](), set[int]()
    for boot, count in enumerate(counts):
        options = SegmentLogOptions(1 << 16, 1 << 20, sync_interval_s=None, filesystem=disk)
        ring = Ring.open(directory, options, ["cam"], ManualClock(boot_id=f"{boot:016x}"))
        owed, gaps = set(unsent(ring)), explained(ring.unsent("cam").gaps)
        assert owed <= given_out
        last = max(given_out | gaps | acknowledged, default=-1)
        settled = {seq for seq in range(last + 1) if seq in ring._cameras["cam"].state.settled}
        assert owed | gaps | settled >= set(range(last + 1)), "each is owed, explained or settled"
        new = set(keep(ring, count))
        assert not new & given_out, "no number is given out twice"
        given_out |= new
        if is_settling:
            ring.settle("cam", [SeqSpan(min(new), max(new))])
            ring.checkpoint()
            acknowledged |= new
        disk = disk.after_power_loss(rng)
        with contextlib.suppress(StorageError, OSError):
            ring._log.close()


def test_what_the_cloud_asked_of_a_camera_survives_a_crash(open_ring: OpenRing) -> None:
    ring = open_ring()
    keep(ring, 1)
    ring.keep_wish("cam", Wish(quality=30.0, width=0.5))
    crash(ring)
    again = open_ring()
    assert again.wish("cam") == Wish(quality=30.0, width=0.5)
    again.keep_wish("cam", Wish())
    again.close()
    assert open_ring().wish("cam") == Wish()
