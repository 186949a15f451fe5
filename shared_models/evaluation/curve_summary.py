"""What the points of several codecs say: bytes at shares of what pixels give, and ours beside each peer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from shared_models.evaluation.report import Section
from shared_models.evaluation.statistics.bd_rate import bd_accuracy, bd_rate
from shared_models.evaluation.statistics.bytes_at import bytes_at
from shared_models.evaluation.statistics.curve import Curve

Sees = Literal["pixels", "latents"]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One codec at one quality, seen by one model."""

    codec: str
    seen_by: str
    sees: Sees
    bytes_mean: float
    accuracy: float
    kept: float
    """Accuracy over that of the model on uncompressed pixels."""


class BytesForShare(Section):
    """Bytes at which a codec keeps a share of the accuracy on pixels."""

    kept: float
    bytes: float | None
    """None where no measured quality keeps so much."""
    is_bound: bool
    """The codec's cheapest quality already keeps more: it may need fewer."""


class CurveSeries(Section):
    """One codec seen by one model, over its qualities."""

    codec: str
    seen_by: str
    bytes_for: tuple[BytesForShare, ...]


class CurveComparison(Section):
    """A codec on latents beside a peer on pixels. Everything is None where the curves share no range."""

    codec: str
    seen_by: str
    peer: str
    bd_rate_percent: float | None
    """Bytes at equal accuracy; negative: fewer than the peer."""
    bd_rate_overlap: float | None
    """Range of accuracy that both cover, as a share of what either covers."""
    bd_accuracy: float | None
    """Accuracy at equal bytes; positive: more than the peer."""
    bd_accuracy_overlap: float | None


class CurveSummary(Section):
    """What follows from the rows."""

    series: tuple[CurveSeries, ...] = ()
    comparisons: tuple[CurveComparison, ...] = ()


def summarise(points: Sequence[CurvePoint], shares: Sequence[float]) -> CurveSummary:
    """Look at each codec by itself, and at each on latents beside each on pixels."""
    series: dict[tuple[str, str], list[CurvePoint]] = {}
    for point in points:
        series.setdefault((point.codec, point.seen_by), []).append(point)
    return CurveSummary(
        series=tuple(
            CurveSeries(codec=codec, seen_by=seen_by, bytes_for=tuple(_bytes_for(held, shares)))
            for (codec, seen_by), held in series.items()
        ),
        comparisons=tuple(_comparisons(series)),
    )


def _bytes_for(points: Sequence[CurvePoint], shares: Sequence[float]) -> Iterator[BytesForShare]:
    curve = Curve.of([point.bytes_mean for point in points], [point.kept for point in points])
    for share in shares:
        found = bytes_at(curve, share)
        is_bound = found is not None and found.is_bound
        yield BytesForShare(kept=share, bytes=found.bytes if found else None, is_bound=is_bound)


def _comparisons(series: Mapping[tuple[str, str], Sequence[CurvePoint]]) -> Iterator[CurveComparison]:
    for (codec, seen_by), ours in series.items():
        for (peer, _), theirs in series.items():
            if ours[0].sees == "latents" and theirs[0].sees == "pixels":
                anchor, test = (
                    Curve.of([p.bytes_mean for p in points], [p.accuracy for p in points])
                    for points in (theirs, ours)
                )
                rate, accuracy = bd_rate(anchor, test), bd_accuracy(anchor, test)
                yield CurveComparison(
                    codec=codec,
                    seen_by=seen_by,
                    peer=peer,
                    bd_rate_percent=rate.value if rate else None,
                    bd_rate_overlap=rate.overlap if rate else None,
                    bd_accuracy=accuracy.value if accuracy else None,
                    bd_accuracy_overlap=accuracy.overlap if accuracy else None,
                )
