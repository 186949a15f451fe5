"""What is missing is joined into few gaps that lose and invent nothing."""

from hypothesis import given
from hypothesis import strategies as st

from edge.gaps import PIECE_NS, Gap, GapReason, GapTracker, SeqSpan

SECOND = 10**9


def tracker() -> GapTracker:
    return GapTracker("front", 7)


def test_frames_in_a_row_become_one_gap() -> None:
    gaps = tracker()
    assert all(gaps.miss_frame(GapReason.GATED, seq, seq * SECOND) == [] for seq in range(3, 8))
    (gap,) = gaps.close()
    assert (gap.camera, gap.epoch, gap.reason) == ("front", 7, GapReason.GATED)
    assert (gap.seqs, gap.frames) == (SeqSpan(3, 7), 5)
    assert (gap.start_ns, gap.end_ns) == (3 * SECOND, 7 * SECOND)


def test_another_reason_begins_another_gap() -> None:
    gaps = tracker()
    gaps.miss_frame(GapReason.GATED, 3, 3)
    (first,) = gaps.miss_frame(GapReason.ENCODE_FAILED, 4, 4)
    (second,) = gaps.close()
    assert (first.reason, second.reason) == (GapReason.GATED, GapReason.ENCODE_FAILED)
    assert first.gap_id != second.gap_id


def test_a_long_silence_is_reported_while_it_lasts_without_holes_between_the_pieces() -> None:
    gaps = tracker()
    pieces = []
    for now in range(0, 200 * SECOND, SECOND):
        pieces += gaps.miss_time(GapReason.SOURCE_DOWN, 0, now)
    pieces += gaps.close(200 * SECOND)
    assert [piece.start_ns for piece in pieces] == [0, *(piece.end_ns for piece in pieces[:-1])]
    assert pieces[-1].end_ns == 200 * SECOND
    assert all(piece.end_ns - piece.start_ns <= PIECE_NS for piece in pieces)


def test_a_gap_that_has_not_grown_since_the_last_look_is_closed() -> None:
    gaps = tracker()
    gaps.miss_frame(GapReason.EVICTED, 1, 1)
    assert gaps.close_idle() == []
    assert [gap.seqs for gap in gaps.close_idle()] == [SeqSpan(1, 1)]
    assert gaps.close_idle() == []


@given(
    missed=st.lists(
        st.tuples(st.sampled_from([GapReason.GATED, GapReason.EVICTED]), st.integers(1, 3)), max_size=60
    ),
    step_s=st.integers(1, 30),
)
def test_every_missed_frame_is_in_exactly_one_gap_of_its_reason(
    missed: list[tuple[GapReason, int]], step_s: int
) -> None:
    gaps, seq, expected = tracker(), 0, {}
    found: list[Gap] = []
    for reason, skip in missed:
        seq += skip
        expected[seq] = reason
        found += gaps.miss_frame(reason, seq, seq * step_s * SECOND)
    found += gaps.close()
    named = [(s, gap.reason) for gap in found if gap.seqs for s in range(gap.seqs.first, gap.seqs.last + 1)]
    assert sorted(named) == sorted(expected.items())
    assert sum(gap.frames for gap in found) == len(missed)
