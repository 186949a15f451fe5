"""`docs/performance.md`: the roofline of every stage, from measured latencies."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from shared_models.evaluation.latency.codec_stages import EXACT, FLOAT
from shared_models.evaluation.latency.path_stages import BRIDGED
from shared_models.evaluation.latency.report import LatencyReport, StageRow
from shared_models.evaluation.latency.stage import INT8

PATH_TARGET: Final = 0.8
"""Most that the detect path may take, over the same detector on decoded JPEG files."""

_INTRODUCTION: Final = """# Performance

What a frame costs, stage by stage, and how near each stage is to what the machine can do. The figures come
from `slimstream eval latency`; nothing on this page was typed in.

The harness first measures the machine: multiply-accumulates a second of large products and deep
convolutions in the same runtime, in fp32 and in int8, and bytes a second of copies, from memory and from a
core's own cache. Then all stages take turns, round after round, so that a noisy neighbour slows every one
of them alike; best times say what the code can do, medians what it did. Multiply-accumulates are counted in
the graphs that run. *Of peak* is a stage's rate over the measured peak of its precision, *MAC/byte* its
arithmetic intensity, and the *roofline* the time that the peak of arithmetic, or of a core's
own cache, would need: no implementation on this machine can be faster.
"""


def performance_page(reports: Mapping[str, tuple[LatencyReport, str]]) -> str:
    """Return the page for reports by name, each with the path of its figure."""
    parts = [_INTRODUCTION] if reports else [_INTRODUCTION, "Nothing has been measured yet.\n"]
    for name, (report, figure) in reports.items():
        parts += [f"## Measured: {name}\n", f"![Times and roofline]({figure})\n"]
        remarks = "\n".join(f"- {remark}" for remark in _remarks(report))
        parts += [remarks + "\n", report.markdown()]
    return "\n".join(parts)


def _remarks(report: LatencyReport) -> Iterator[str]:
    """Say what the figures mean; every number in a remark is one of the report's."""
    first = report.rows[0]
    rows = [row for row in report.rows if (row.threads, row.size) == (first.threads, first.size)]
    yield from _transform_remarks(rows)
    yield from _entropy_remarks(rows)
    for ratio in report.ratios:
        if ratio.what.startswith(BRIDGED):
            verdict = "within" if ratio.ratio <= PATH_TARGET else "beyond"
            threads = "1 thread" if ratio.threads == 1 else f"{ratio.threads} threads"
            yield (
                f"The detect path through the bridge takes {ratio.ratio:.3f} × the time of the same "
                f"detector on decoded JPEG files ({ratio.numerator_ms:.1f} against "
                f"{ratio.denominator_ms:.1f} ms, {ratio.size[0]}×{ratio.size[1]}, "
                f"{threads}): {verdict} the {PATH_TARGET} that is asked for."
            )
    if any(ratio.what.startswith(BRIDGED) for ratio in report.ratios):
        yield (
            "Pixels are brought to the detector's own canvas, larger frames shrunk and the rest filled; the "
            "bridge works on the frame as it is. So the ratio falls with the frame's area."
        )
    for row in report.int8:
        yield (
            f"The int8 encoder of width {row.width:g} chooses {row.symbol_agreement:.1%} of the float one's "
            f"symbols at quality {row.quality:g}, for {row.bytes_ratio:.2f} of its bytes. A decoder need not "
            "know: the symbols are the message."
        )


def _transform_remarks(rows: Sequence[StageRow]) -> Iterator[str]:
    for backend in (FLOAT, INT8):
        shares = [
            row.efficiency
            for row in rows
            if row.stage == "transform" and row.backend == backend and row.efficiency
        ]
        if shares:
            yield (
                f"Encoders in {backend} reach {min(shares):.0%} (least) and {max(shares):.0%} (most) of the "
                "measured peak. The first layer is the slowest per multiplication: it has three channels to "
                "read and the largest map to write."
            )


def _entropy_remarks(rows: Sequence[StageRow]) -> Iterator[str]:
    found = {row.backend: row for row in rows if row.stage == "context networks"}
    if FLOAT in found and EXACT in found:
        ours, exact = found[FLOAT], found[EXACT]
        yield (
            f"The context networks take {ours.best_ms:.2f} ms, and {exact.best_ms:.2f} ms where no runtime "
            "can be trusted and integer loops stand in. They are small: each pass sees a quarter of the "
            "latents' positions, and waits for the symbols of the pass before."
        )
