"""A small latency report that nobody measured, to be told, drawn and read."""

from shared_models.evaluation.latency.report import (
    Int8Row,
    LatencyReport,
    MemoryRow,
    Peak,
    PeakKind,
    Side,
    StageRow,
)
from shared_models.evaluation.machine import Machine


def row(
    stage: str,
    best_ms: float,
    *,
    side: Side = "edge",
    is_whole: bool = False,
    macs: int | None = None,
    backend: str = "fp32",
    quality: float | None = 50,
    bytes_out: float | None = None,
    threads: int = 1,
) -> StageRow:
    return StageRow(
        side=side,
        stage=stage,
        is_whole=is_whole,
        size=(64, 48),
        width=0.5 if side == "edge" else None,
        quality=quality,
        backend=backend,
        threads=threads,
        best_ms=best_ms,
        median_ms=2 * best_ms,
        processor_ms=best_ms,
        macs=macs,
        bytes_moved=1000 if macs else None,
        bytes_out=bytes_out,
        gmac_per_s=macs / best_ms / 1e6 if macs else None,
        efficiency=0.5 if macs else None,
        roofline_ms=best_ms / 2 if macs else None,
    )


def report(rows: tuple[StageRow, ...]) -> LatencyReport:
    kinds: tuple[PeakKind, ...] = ("fp32", "int8", "memory", "cache")
    return LatencyReport(
        command="slimstream eval latency",
        machine=Machine(processor="a processor", cores=2, system="Linux", python="3.11", versions={}),
        peaks=tuple(
            Peak(what=kind, threads=max(row.threads for row in rows), value=100.0, how="a load")
            for kind in kinds
        ),
        rows=rows,
        memory=(
            MemoryRow(
                what="encode", size=(64, 48), width=0.5, backend="fp32", threads=1, growth_mb=80, peak_mb=230
            ),
        ),
        int8=(Int8Row(width=0.5, quality=50, latents_snr_db=23.4, symbol_agreement=0.97, bytes_ratio=1.01),),
    )
