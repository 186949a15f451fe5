"""A rate-distortion report as Markdown and as a figure."""

from pathlib import Path
from typing import Final

from shared_models.evaluation.curve_tables import number
from shared_models.evaluation.plots import Line, Panel, Titles, draw_panels, shown_name
from shared_models.evaluation.rate_distortion.report import Measure, RateDistortionReport, RateDistortionRow
from shared_models.evaluation.table import markdown, what_else

NAMES: Final = {
    Measure.PSNR: "PSNR, dB",
    Measure.MS_SSIM: "MS-SSIM, dB",
    Measure.SSIMULACRA2: "SSIMULACRA2",
}

OURS: Final = {"slim": "slim, preview", "slim-full": "slim, full"}


def rate_distortion_markdown(report: RateDistortionReport) -> str:
    """Return tables of the rows and of ours beside each peer, then what else to know."""
    headers = ["codec", "quality", "bytes", "bpp", "base", "enhancement", "PSNR dB", "MS-SSIM", "MS-SSIM dB"]
    headers += ["SSIMULACRA2", "encode ms", "decode ms"]
    rows = markdown(headers, [_cells(row) for row in report.rows])
    return "\n".join([rows, *_comparisons(report), what_else(report)])


def _cells(row: RateDistortionRow) -> list[str]:
    return [
        row.codec,
        f"{row.quality:g}",
        f"{row.bytes_mean:.0f}",
        f"{row.bpp:.3f}",
        "" if row.base_bytes_mean is None else f"{row.base_bytes_mean:.0f}",
        "" if row.enhancement_bytes_mean is None else f"{row.enhancement_bytes_mean:.0f}",
        f"{row.psnr_db:.2f}",
        f"{row.ms_ssim:.4f}",
        f"{row.ms_ssim_db:.2f}",
        f"{row.ssimulacra2:.1f}",
        f"{row.encode_ms_median:.1f}",
        f"{row.decode_ms_median:.1f}",
    ]


def _comparisons(report: RateDistortionReport) -> list[str]:
    comparisons = report.summary.comparisons
    pairs = list(dict.fromkeys((c.codec, c.peer) for c in comparisons))
    if all(c.bd_rate_percent is None for c in comparisons):
        return []
    found = {(c.codec, c.peer, c.measure): c for c in comparisons}
    headers = ["codec", "peer"]
    for measure in Measure:
        headers += [f"BD-rate % by {NAMES[measure]}", "overlap"]
    rows = []
    for codec, peer in pairs:
        cells = [codec, peer]
        for measure in Measure:
            one = found[codec, peer, measure]
            cells += [number(one.bd_rate_percent, "+.1f"), number(one.bd_rate_overlap, ".2f")]
        rows.append(cells)
    return [markdown(headers, rows)]


def draw_rate_distortion(report: RateDistortionReport, path: Path) -> None:
    """Draw each measure over bytes, side by side; raise InputError where the file cannot be written."""
    names = list(dict.fromkeys(row.codec for row in report.rows))
    panels = []
    for measure in Measure:
        lines = []
        for name in names:
            held = [row for row in report.rows if row.codec == name]
            x, y = [row.bytes_mean for row in held], [float(getattr(row, measure)) for row in held]
            label = OURS.get(name) or shown_name(name)
            lines.append(Line(label=label, codec=name, is_ours=name.startswith("slim"), x=x, y=y))
        titles = Titles(
            title=NAMES[measure],
            subtitle=f"{report.rows[0].pictures} pictures of {report.settings['images']}",
            x="bytes a picture, whole files",
            y=NAMES[measure],
        )
        panels.append(Panel(lines, titles))
    draw_panels(path, panels)
