"""A latency report as Markdown."""

from collections.abc import Iterable, Sequence

from shared_models.evaluation.latency.report import LatencyReport, Peak, Ratio, StageRow
from shared_models.evaluation.table import markdown, what_else

_UNITS = {"fp32": "GMAC/s", "int8": "GMAC/s", "memory": "GB/s", "cache": "GB/s"}
_SIDES = {"edge": "On the edge", "cloud": "In the cloud", "peer": "Peers"}


def latency_markdown(report: LatencyReport) -> str:
    """Return tables of peaks, stages by side, ratios, memory and int8 encoders, then what else to know."""
    parts = ["The machine's measured peak:\n", peaks_table(report.peaks)]
    for side, title in _SIDES.items():
        rows = [row for row in report.rows if row.side == side]
        if rows:
            parts += [f"{title}; bold: the whole of its side, timed as one:\n", stages_table(rows)]
    if report.ratios:
        parts += ["One over the other, in the same run; below 1 is faster than the peer:\n"]
        parts.append(ratios_table(report.ratios))
    if report.int8:
        parts += ["Int8 encoders beside the float ones:\n", _int8(report)]
    if report.memory:
        parts += ["Resident memory of a process of its own:\n", _memory(report)]
    return "\n".join([*parts, what_else(report)])


def peaks_table(peaks: Iterable[Peak]) -> str:
    """Return what the machine can do."""
    return markdown(
        ["what", "threads", "peak", "unit", "by"],
        [[peak.what, str(peak.threads), f"{peak.value:.1f}", _UNITS[peak.what], peak.how] for peak in peaks],
    )


def stages_table(rows: Sequence[StageRow]) -> str:
    """Return one line a stage."""
    headers = ["frame", "stage", "width", "quality", "backend", "threads", "best ms", "median ms", "CPU ms"]
    headers += ["MMAC", "MB moved", "MAC/byte", "GMAC/s", "of peak", "roofline ms", "bytes"]
    return markdown(headers, [_stage(row) for row in rows])


def ratios_table(ratios: Iterable[Ratio]) -> str:
    """Return one line a comparison."""
    return markdown(
        ["frame", "what", "quality", "threads", "ms", "ms", "ratio of best", "of medians"],
        [
            [
                _size(ratio.size),
                ratio.what,
                _figure(ratio.quality, "g"),
                str(ratio.threads),
                f"{ratio.numerator_ms:.2f}",
                f"{ratio.denominator_ms:.2f}",
                f"{ratio.ratio:.2f}",
                f"{ratio.ratio_median:.2f}",
            ]
            for ratio in ratios
        ],
    )


def _stage(row: StageRow) -> list[str]:
    return [
        _size(row.size),
        f"**{row.stage}**" if row.is_whole else row.stage,
        _figure(row.width, "g"),
        _figure(row.quality, "g"),
        row.backend,
        str(row.threads),
        f"{row.best_ms:.3f}",
        f"{row.median_ms:.3f}",
        f"{row.processor_ms:.3f}",
        _figure(row.macs, ".1f", 1e-6),
        _figure(row.bytes_moved, ".2f", 1e-6),
        _figure(row.macs / row.bytes_moved if row.macs and row.bytes_moved else None, ".1f"),
        _figure(row.gmac_per_s, ".1f"),
        _figure(row.efficiency, ".0%"),
        _figure(row.roofline_ms, ".3f"),
        _figure(row.bytes_out, ".0f"),
    ]


def _int8(report: LatencyReport) -> str:
    return markdown(
        ["width", "quality", "latents' SNR dB", "equal symbols", "bytes, of float", "mAP", "mAP, float"],
        [
            [
                f"{row.width:g}",
                f"{row.quality:g}",
                f"{row.latents_snr_db:.1f}",
                f"{row.symbol_agreement:.2%}",
                f"{row.bytes_ratio:.3f}",
                _figure(row.ap, ".3f"),
                _figure(row.ap_float, ".3f"),
            ]
            for row in report.int8
        ],
    )


def _memory(report: LatencyReport) -> str:
    return markdown(
        ["frame", "what", "width", "backend", "threads", "growth MiB", "peak MiB"],
        [
            [
                _size(row.size),
                row.what,
                _figure(row.width, "g"),
                row.backend,
                str(row.threads),
                f"{row.growth_mb:.0f}",
                f"{row.peak_mb:.0f}",
            ]
            for row in report.memory
        ],
    )


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"


def _figure(value: float | None, form: str, scale: float = 1) -> str:
    return "" if value is None else f"{value * scale:{form}}"
