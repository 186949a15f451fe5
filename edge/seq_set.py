"""A set of sequence numbers, kept as the few intervals that such sets really are. Sans-I/O."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

from edge.gaps import SeqSpan


class SeqSet:
    """Sequence numbers as sorted, disjoint, non-touching closed intervals."""

    def __init__(self, spans: Iterable[SeqSpan] = ()) -> None:
        """Hold every number of `spans`, which may overlap."""
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for span in spans:
            self.add(span)

    def add(self, span: SeqSpan) -> None:
        """Put in every number of a closed interval."""
        low = bisect_left(self._lasts, span.first - 1)  # the first interval that `span` touches or precedes
        high = bisect_right(self._firsts, span.last + 1)
        first, last = span.first, span.last
        if low < high:
            first, last = min(first, self._firsts[low]), max(last, self._lasts[high - 1])
        self._firsts[low:high] = [first]
        self._lasts[low:high] = [last]

    def remove(self, span: SeqSpan) -> None:
        """Take out every number of a closed interval."""
        low = bisect_left(self._lasts, span.first)
        high = bisect_right(self._firsts, span.last)
        if low >= high:
            return
        kept = []
        if self._firsts[low] < span.first:
            kept.append((self._firsts[low], span.first - 1))
        if self._lasts[high - 1] > span.last:
            kept.append((span.last + 1, self._lasts[high - 1]))
        self._firsts[low:high] = [first for first, _ in kept]
        self._lasts[low:high] = [last for _, last in kept]

    def __contains__(self, seq: int) -> bool:
        index = bisect_left(self._lasts, seq)
        return index < len(self._lasts) and self._firsts[index] <= seq

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in zip(self._firsts, self._lasts, strict=True))

    def __bool__(self) -> bool:
        return bool(self._firsts)

    @property
    def first(self) -> int | None:
        """The lowest number."""
        return self._firsts[0] if self._firsts else None

    @property
    def last(self) -> int | None:
        """The highest number."""
        return self._lasts[-1] if self._lasts else None

    def spans(self) -> Iterator[SeqSpan]:
        """Yield the intervals, lowest first."""
        for first, last in zip(self._firsts, self._lasts, strict=True):
            yield SeqSpan(first, last)

    def missing(self, within: SeqSpan) -> list[SeqSpan]:
        """Return the intervals of `within` that hold none of the set's numbers."""
        rest = SeqSet([within])
        for index in range(bisect_left(self._lasts, within.first), bisect_right(self._firsts, within.last)):
            rest.remove(SeqSpan(self._firsts[index], self._lasts[index]))
        return list(rest.spans())
