"""A stage of the work on one frame: what to run, how much of it there is, and the row it becomes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from shared_models.evaluation.latency.report import Peak, PeakKind, Precision, Side, Size, StageRow
from shared_models.evaluation.latency.stopwatch import Times

INT8: Final = "int8"


@dataclass(frozen=True, slots=True)
class StageKey:
    """What a stage is called, and what it depends on; what makes no difference to it is None."""

    side: Side
    stage: str
    size: Size
    threads: int
    backend: str = "numpy"
    width: float | None = None
    quality: float | None = None
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """Something to time, with what is known of it without a clock."""

    key: StageKey
    run: Callable[[int], object]
    macs: int | None = None
    bytes_moved: int | None = None
    bytes_out: float | None = None
    frames: int = 1
    """Frames that one run works on."""

    @property
    def precision(self) -> Precision:
        """The arithmetic of its products."""
        return "int8" if self.key.backend == INT8 else "fp32"

    def row(self, times: Times, peaks: Mapping[tuple[PeakKind, int], Peak]) -> StageRow:
        """Say what was measured, against the machine's peaks by kind and threads."""
        key, macs = self.key, self.macs
        arithmetic = peaks[self.precision, key.threads].value
        traffic = peaks["cache", key.threads].value
        rate = macs / times.best_ms / 1e6 if macs else None
        bounds_ms = [
            amount / peak / 1e6
            for amount, peak in ((macs, arithmetic), (self.bytes_moved, traffic))
            if amount
        ]
        return StageRow(
            side=key.side,
            stage=key.stage,
            is_whole=key.is_whole,
            size=key.size,
            width=key.width,
            quality=key.quality,
            backend=key.backend,
            threads=key.threads,
            best_ms=times.best_ms,
            median_ms=times.median_ms,
            processor_ms=times.processor_ms,
            macs=macs,
            bytes_moved=self.bytes_moved,
            bytes_out=self.bytes_out,
            gmac_per_s=rate,
            efficiency=rate / arithmetic if rate else None,
            roofline_ms=max(bounds_ms, default=None),
        )
