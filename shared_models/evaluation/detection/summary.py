"""From judged points to rows, and from rows to what they say: bytes at an accuracy, deltas, intervals."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared_models.evaluation.detection.accuracy import JudgedDetections
from shared_models.evaluation.detection.report import (
    BytesFor,
    DetectionComparison,
    DetectionRow,
    DetectionSeries,
    DetectionSummary,
    GroupAccuracy,
)
from shared_models.evaluation.peers.pixels import NAME as UNCOMPRESSED
from shared_models.evaluation.point_cost import PictureCost, PointCost
from shared_models.evaluation.statistics.bd_rate import Delta, bd_accuracy, bd_rate
from shared_models.evaluation.statistics.bootstrap import interval, mean_of_draws
from shared_models.evaluation.statistics.bytes_at import bytes_at
from shared_models.evaluation.statistics.curve import Curve

KEPT: Final = (0.90, 0.95, 0.97)
"""Shares of the AP on pixels at which bytes are compared."""
Draws = NDArray[np.int64]
Samples = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Point:
    """One codec at one quality seen by one detector: everything that was measured, picture by picture."""

    detector: str
    costs: tuple[PictureCost, ...]
    decode_ms: tuple[float, ...]
    judged: JudgedDetections

    @property
    def sizes(self) -> list[int]:
        """Bytes of each picture."""
        return [cost.coded.bytes for cost in self.costs]

    @property
    def cost(self) -> PictureCost:
        """What the first picture cost: codec and quality are the same of all."""
        return self.costs[0]


def row_of(point: Point, pixels: JudgedDetections | None) -> DetectionRow:
    """Sum a point up, beside what the detector achieves on uncompressed pixels."""
    accuracy = point.judged.accuracy
    reference = pixels.accuracy.AP if pixels and pixels.accuracy.AP > 0 else None
    kept = accuracy.AP / reference if reference else None
    with np.errstate(divide="ignore", invalid="ignore"):  # a draw in which nothing is seen even on pixels
        kept_draws = point.judged.AP_draws / pixels.AP_draws if pixels and reference else None
    return DetectionRow(
        **PointCost.of(point.costs).columns(),
        detector=point.detector,
        AP=accuracy.AP,
        AP_interval=interval(point.judged.AP_draws, accuracy.AP),
        AP50=accuracy.AP50,
        AP50_interval=interval(point.judged.AP50_draws, accuracy.AP50),
        kept=kept,
        kept_interval=interval(kept_draws, kept) if kept_draws is not None else None,
        groups={
            name: GroupAccuracy(AP=_defined(AP), AP50=_defined(AP50))
            for name, (AP, AP50) in accuracy.groups.items()
        },
        decode_ms_median=float(np.median(point.decode_ms)),
        coded_before=sum(cost.coded.is_kept for cost in point.costs),
    )


def summarise(points: Sequence[Point], pixels: JudgedDetections | None, draws: Draws) -> DetectionSummary:
    """Return what the points say about each codec, and about each on latents beside each on pixels."""
    series = _by_series(points)
    return DetectionSummary(
        series=tuple(
            DetectionSeries(codec=codec, detector=detector, bytes_for=tuple(_bytes_for(held, pixels)))
            for (codec, detector), held in series.items()
            if pixels
        ),
        comparisons=tuple(
            _compare(ours, peer, draws)
            for ours in series.values()
            if ours[0].cost.sees == "latents"
            for peer in series.values()
            if peer[0].cost.sees == "pixels"
        ),
    )


def _by_series(points: Iterable[Point]) -> Mapping[tuple[str, str], list[Point]]:
    series: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        if point.cost.codec != UNCOMPRESSED:
            series.setdefault((point.cost.codec, point.detector), []).append(point)
    return series


def _curve(points: Sequence[Point]) -> Curve:
    return Curve.of([float(np.mean(p.sizes)) for p in points], [p.judged.accuracy.AP for p in points])


def _curves_of_draws(points: Sequence[Point], draws: Draws) -> list[Curve]:
    """Return the curve that each draw of the pictures gives."""
    sizes = np.stack([mean_of_draws(p.sizes, draws) for p in points], axis=1)  # (draws, points)
    AP = np.stack([p.judged.AP_draws for p in points], axis=1)
    return [Curve.of(*pair) for pair in zip(sizes, AP, strict=True)]


def _bytes_for(points: Sequence[Point], pixels: JudgedDetections | None) -> Iterable[BytesFor]:
    curve = _curve(points)
    for kept in KEPT:
        found = bytes_at(curve, kept * pixels.accuracy.AP) if pixels else None
        yield BytesFor(
            kept=kept, bytes=found.bytes if found else None, is_bound=bool(found and found.is_bound)
        )


def _compare(ours: Sequence[Point], peer: Sequence[Point], draws: Draws) -> DetectionComparison:
    rate, accuracy = (delta(_curve(peer), _curve(ours)) for delta in (bd_rate, bd_accuracy))
    pairs = list(zip(_curves_of_draws(peer, draws), _curves_of_draws(ours, draws), strict=True))
    return DetectionComparison(
        codec=ours[0].cost.codec,
        detector=ours[0].detector,
        peer=peer[0].cost.codec,
        bd_rate_percent=rate.value if rate else None,
        bd_rate_interval=interval(_values(bd_rate(*pair) for pair in pairs), rate.value) if rate else None,
        bd_rate_overlap=rate.overlap if rate else None,
        bd_accuracy=accuracy.value if accuracy else None,
        bd_accuracy_interval=interval(_values(bd_accuracy(*pair) for pair in pairs), accuracy.value)
        if accuracy
        else None,
        bd_accuracy_overlap=accuracy.overlap if accuracy else None,
    )


def _values(deltas: Iterable[Delta | None]) -> Samples:
    return np.array([math.nan if delta is None else delta.value for delta in deltas])


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value
