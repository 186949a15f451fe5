"""Intervals of sequence numbers against a plain set."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from cloud.sequences import SeqInterval, SeqSet

spans = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 8)).map(lambda t: (t[0], t[0] + t[1])), max_size=20
)


@given(spans)
def test_the_intervals_are_those_of_the_plain_set_in_order_and_apart(added: list[tuple[int, int]]) -> None:
    seqs, model = SeqSet(), set[int]()
    for first, last in added:
        interval = seqs.add(first, last)
        model |= set(range(first, last + 1))
        assert set(range(interval.first, interval.last + 1)) <= model
        assert interval.first - 1 not in model
        assert interval.last + 1 not in model
    intervals = list(seqs)
    assert {seq for first, last in intervals for seq in range(first, last + 1)} == model
    assert all(before.last + 1 < after.first for before, after in itertools.pairwise(intervals))
    assert all((seq in seqs) == (seq in model) for seq in range(70))
    assert len(seqs) == len(intervals)


@given(spans)
def test_through_is_the_end_of_what_is_unbroken_from_zero(added: list[tuple[int, int]]) -> None:
    seqs = SeqSet(SeqInterval(*span) for span in added)
    model = {seq for first, last in added for seq in range(first, last + 1)}
    unbroken = next(seq for seq in range(100) if seq not in model)
    assert seqs.through == (unbroken - 1 if unbroken else None)


@given(spans, st.integers(0, 70), st.integers(0, 20), st.integers(1, 4))
def test_a_window_shows_the_newest_intervals_cut_to_it(
    added: list[tuple[int, int]], first: int, length: int, limit: int
) -> None:
    seqs = SeqSet(SeqInterval(*span) for span in added)
    last = first + length
    shown = seqs.newest_within(first, last, limit)
    inside = [
        SeqInterval(max(first, span.first), min(last, span.last))
        for span in seqs
        if span.last >= first and span.first <= last
    ]
    assert shown == inside[-limit:]
