"""Sets of sequence numbers as closed intervals: what of an epoch is stored or explained."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class SeqInterval(NamedTuple):
    """The sequence numbers from `first` to `last`, both included."""

    first: int
    last: int


class SeqSet:
    """A growing set of sequence numbers, kept as disjoint intervals that do not touch, in order."""

    def __init__(self, intervals: Iterable[SeqInterval] = ()) -> None:
        """Start from intervals in any order; they may overlap."""
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in intervals:
            self.add(first, last)

    def add(self, first: int, last: int) -> SeqInterval:
        """Add `first` to `last` and return the interval they are now part of."""
        begin = bisect_left(self._lasts, first - 1)
        end = bisect_right(self._firsts, last + 1)
        if begin < end:
            first, last = min(first, self._firsts[begin]), max(last, self._lasts[end - 1])
        self._firsts[begin:end] = [first]
        self._lasts[begin:end] = [last]
        return SeqInterval(first, last)

    def __contains__(self, seq: int) -> bool:
        index = bisect_right(self._firsts, seq) - 1
        return index >= 0 and seq <= self._lasts[index]

    def __iter__(self) -> Iterator[SeqInterval]:
        return map(SeqInterval, self._firsts, self._lasts)

    def __len__(self) -> int:
        """How many intervals there are."""
        return len(self._firsts)

    @property
    def through(self) -> int | None:
        """The highest seq such that it and everything from 0 on is in the set; None if 0 is not."""
        return self._lasts[0] if self._firsts and self._firsts[0] == 0 else None

    def newest_within(self, first: int, last: int, limit: int) -> list[SeqInterval]:
        """Return the intervals cut to `first`..`last`, at most the newest `limit` of them, oldest first."""
        begin = bisect_left(self._lasts, first)
        end = bisect_right(self._firsts, last)
        return [
            SeqInterval(max(first, self._firsts[i]), min(last, self._lasts[i]))
            for i in range(max(begin, end - limit), end)
        ]
