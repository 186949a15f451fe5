"""The report of `slimstream eval latency`."""

from pathlib import Path
from typing import Literal

from shared_models.evaluation.report import EvaluationReport, Section

Size = tuple[int, int]
Side = Literal["edge", "cloud", "peer"]
Precision = Literal["fp32", "int8"]
PeakKind = Literal["fp32", "int8", "memory", "cache"]


class Peak(Section):
    """What the machine can do at most, by measurement."""

    what: PeakKind
    """Arithmetic of a precision, or traffic with memory or a core's own cache."""
    threads: int
    value: float
    """GMAC/s of arithmetic, GB/s of traffic."""
    how: str
    """Which of the measured loads gave it."""


class StageRow(Section):
    """One stage of the work on one frame. What makes no difference to it is None."""

    side: Side
    stage: str
    is_whole: bool
    """It is made of the stages before it, timed as one."""
    size: Size
    """Width and height of the frame, pixels."""
    width: float | None
    """Width of the encoder."""
    quality: float | None
    backend: str
    threads: int
    best_ms: float
    """Each frame's best time, averaged over the frames."""
    median_ms: float
    """Median over all frames and rounds."""
    processor_ms: float
    """Each frame's least processor time, all threads together, averaged over the frames."""
    macs: int | None
    """Multiply-accumulates of the frame, counted in the graphs; None where there are none to count."""
    bytes_moved: int | None
    """Bytes of inputs, weights and outputs of every layer or array, each once."""
    bytes_out: float | None
    """Bytes of the coded frame, on average."""
    gmac_per_s: float | None
    efficiency: float | None
    """Multiply-accumulates a second over the machine's peak at this precision and these threads."""
    roofline_ms: float | None
    """What the peak of arithmetic or of a core's own cache would need, whichever is longer."""


class MemoryRow(Section):
    """Resident memory that a process of its own took, from loading a codec to having coded three frames."""

    what: Literal["encode", "decode"]
    size: Size
    width: float | None
    backend: str
    threads: int
    growth_mb: float
    """MiB from before loading to the peak."""
    peak_mb: float
    """MiB in all, interpreter and libraries included."""


class Int8Row(Section):
    """An int8 encoder beside the float one: its bits decode as ever, only the choice of symbols differs."""

    width: float
    quality: float
    latents_snr_db: float
    """Power of the float encoder's latents over that of the difference."""
    symbol_agreement: float
    """Share of equal symbols."""
    bytes_ratio: float
    """Coded bytes over the float encoder's."""
    ap: float | None = None
    """mAP of the detector on its latents, where labels were given."""
    ap_float: float | None = None


class Ratio(Section):
    """Two of the rows, one over the other, from the same run."""

    what: str
    size: Size
    threads: int
    quality: float | None
    numerator_ms: float
    denominator_ms: float
    ratio: float
    """Of best times; below one is faster than the peer."""
    ratio_median: float
    """Of medians."""


class LatencyReport(EvaluationReport):
    """Milliseconds, arithmetic and memory by stage."""

    kind: Literal["latency"] = "latency"
    peaks: tuple[Peak, ...]
    rows: tuple[StageRow, ...]
    memory: tuple[MemoryRow, ...] = ()
    int8: tuple[Int8Row, ...] = ()
    ratios: tuple[Ratio, ...] = ()

    def markdown(self) -> str:
        """Return tables of peaks, stages, ratios, memory and int8 encoders."""
        from shared_models.evaluation.latency.tables import latency_markdown

        return latency_markdown(self)

    def draw(self, path: Path) -> None:
        """Draw what a frame's time goes into, and the roofline; raise InputError where that is impossible."""
        from shared_models.evaluation.latency.figure import draw_latency

        draw_latency(self, path)
