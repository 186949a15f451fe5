"""A set of intervals behaves as the set of numbers it stands for."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge.gaps import SeqSpan
from edge.seq_set import SeqSet

spans = st.tuples(st.integers(0, 40), st.integers(0, 10)).map(lambda pair: SeqSpan(pair[0], sum(pair)))
changes = st.lists(st.tuples(st.booleans(), spans), max_size=30)


def numbers(span: SeqSpan) -> set[int]:
    return set(range(span.first, span.last + 1))


@given(changes=changes)
def test_any_changes_give_what_a_set_of_numbers_gives(changes: list[tuple[bool, SeqSpan]]) -> None:
    seqs, model = SeqSet(), set[int]()
    for is_added, span in changes:
        if is_added:
            seqs.add(span)
            model |= numbers(span)
        else:
            seqs.remove(span)
            model -= numbers(span)
        assert len(seqs) == len(model)
    assert {seq for span in seqs.spans() for seq in numbers(span)} == model
    assert all((seq in seqs) == (seq in model) for seq in range(-1, 55))
    assert (seqs.first, seqs.last) == ((min(model), max(model)) if model else (None, None))


@given(changes=changes)
def test_intervals_stay_sorted_apart_and_as_few_as_can_be(changes: list[tuple[bool, SeqSpan]]) -> None:
    seqs = SeqSet()
    for is_added, span in changes:
        (seqs.add if is_added else seqs.remove)(span)
    found = list(seqs.spans())
    assert all(span.first <= span.last for span in found)
    assert all(left.last + 1 < right.first for left, right in pairwise(found))


@given(held=st.lists(spans), within=spans)
def test_missing_is_what_an_interval_has_beyond_the_set(held: list[SeqSpan], within: SeqSpan) -> None:
    seqs = SeqSet(held)
    missing = {seq for span in seqs.missing(within) for seq in numbers(span)}
    assert missing == {seq for seq in numbers(within) if seq not in seqs}
