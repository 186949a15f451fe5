"""The comparisons that a reader looks for first: our rows over a peer's, from the same run."""

from collections.abc import Iterator, Sequence
from typing import Final

from shared_models.evaluation.latency.path_stages import BRIDGED, BUILT_IN, ON_PIXELS
from shared_models.evaluation.latency.report import LatencyReport, Ratio, StageRow

_ENCODE: Final = "encode"


def ratios_of(rows: Sequence[StageRow]) -> list[Ratio]:
    """Compare detect paths at equal threads, and whole encoders with those of the peers."""
    return [*_paths(rows), *_encoders(rows)]


def headlines(report: LatencyReport) -> list[Ratio]:
    """Choose what a summary shows: all detect paths, and the narrowest encoders on the first size."""
    width = min((row.width for row in report.rows if row.width is not None), default=None)
    first = report.rows[0].size
    narrowest = f"{_ENCODE}, width {width:g}," if width is not None else _ENCODE
    return [
        ratio
        for ratio in report.ratios
        if not ratio.what.startswith(_ENCODE) or (ratio.size == first and ratio.what.startswith(narrowest))
    ]


def _paths(rows: Sequence[StageRow]) -> Iterator[Ratio]:
    for ours in rows:
        if ours.stage not in {BRIDGED, BUILT_IN}:
            continue
        for theirs in rows:
            same = (theirs.size, theirs.threads, theirs.quality) == (ours.size, ours.threads, ours.quality)
            if theirs.stage == ON_PIXELS and same:
                yield _ratio(f"{ours.stage} / {ON_PIXELS}, JPEG decoding included", ours, theirs)


def _encoders(rows: Sequence[StageRow]) -> Iterator[Ratio]:
    peers = [row for row in rows if row.side == "peer" and row.is_whole and row.bytes_out is not None]
    for ours in rows:
        if ours.stage == _ENCODE:
            for theirs in peers:
                if theirs.size == ours.size:
                    name = f"encode, width {ours.width:g}, {ours.backend} / {theirs.stage} ({theirs.backend})"
                    yield _ratio(name, ours, theirs)


def _ratio(what: str, ours: StageRow, theirs: StageRow) -> Ratio:
    return Ratio(
        what=what,
        size=ours.size,
        threads=ours.threads,
        quality=ours.quality,
        numerator_ms=ours.best_ms,
        denominator_ms=theirs.best_ms,
        ratio=ours.best_ms / theirs.best_ms,
        ratio_median=ours.median_ms / theirs.median_ms,
    )
