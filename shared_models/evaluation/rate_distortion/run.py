"""From a request to the report of fidelity against bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Final

from pydantic import JsonValue

from shared_models.errors import InputError
from shared_models.evaluation.machine import this_machine
from shared_models.evaluation.peers.catalogue import CodecOptions, FoundCodecs, find_codecs
from shared_models.evaluation.peers.pixels import NAME as UNCOMPRESSED
from shared_models.evaluation.peers.shelf import qualities_of
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.peers.slim_full import SlimFull
from shared_models.evaluation.picture_folder import picture_paths
from shared_models.evaluation.rate_distortion.bench import (
    Compared,
    CompareTask,
    RateDistortionBench,
    RateDistortionPlan,
)
from shared_models.evaluation.rate_distortion.report import (
    Measure,
    RateDistortionComparison,
    RateDistortionReport,
    RateDistortionRow,
    RateDistortionSummary,
)
from shared_models.evaluation.report import CodecUsed, ModelUsed
from shared_models.evaluation.statistics.bd_rate import bd_rate
from shared_models.evaluation.statistics.curve import Curve
from shared_models.evaluation.workers import OnDone, Workers

CODECS: Final = ("slim", "slim-full", "jpeg", "webp", "avif", "jxl")


@dataclass(frozen=True, slots=True)
class RateDistortionRequest:
    """What is to be measured, and where things are."""

    images: Path
    command: str
    cache: Path
    codecs: tuple[str, ...] = CODECS
    qualities: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """By codec, in its own measure, in place of its usual range."""
    points: int | None = None
    """How many of a codec's usual qualities; all of them else."""
    side: int = 0
    """Larger pictures are made smaller to this long side; 0 keeps them."""
    limit: int | None = None
    model: CodecOptions = field(default_factory=CodecOptions)
    jobs: int = 1


def evaluate_rate_distortion(
    request: RateDistortionRequest, on_done: OnDone = lambda done, of: None
) -> RateDistortionReport:
    """Measure; raise InputError or ModelError for what cannot be measured at all."""
    paths = picture_paths(request.images, request.limit)
    found = find_codecs([name for name in request.codecs if name != UNCOMPRESSED], request.model)
    if not found.codecs:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in found.missing.items())
        raise InputError(f"no codec is left to measure ({reasons or 'name some with --codecs'})")
    tasks = [
        CompareTask(codec.name, quality, picture)
        for codec in found.codecs
        for quality in qualities_of(codec, request.qualities, request.points)
        for picture in range(len(paths))
    ]
    plan = RateDistortionPlan(paths, request.side, request.model, request.cache)
    with Workers(RateDistortionBench, plan, request.jobs) as workers:
        compared = workers.map(RateDistortionBench.compare, tasks, on_done)
    rows = _rows(compared)
    ours = [codec for codec in found.codecs if isinstance(codec, Slim | SlimFull)]
    return RateDistortionReport(
        command=request.command,
        machine=this_machine(),
        model=ModelUsed.of(ours[0].codec.package) if ours else None,
        settings=_settings(request, len(paths)),
        codecs=tuple(map(CodecUsed.of, found.codecs)),
        missing=dict(found.missing),
        notes=_notes(found),
        rows=tuple(rows),
        summary=summarise(rows, [codec.name for codec in ours]),
    )


def _rows(compared: Sequence[Compared]) -> list[RateDistortionRow]:
    points: dict[tuple[str, float], list[Compared]] = {}
    for one in compared:
        points.setdefault((one.task.codec, one.task.quality), []).append(one)
    return [_row(codec, quality, held) for (codec, quality), held in points.items()]


def _row(codec: str, quality: float, held: Sequence[Compared]) -> RateDistortionRow:
    layers = [one.layers for one in held if one.layers]
    return RateDistortionRow(
        codec=codec,
        quality=quality,
        pictures=len(held),
        bytes_mean=fmean(one.bytes for one in held),
        bpp=8 * sum(one.bytes for one in held) / sum(one.pixels for one in held),
        base_bytes_mean=fmean(layer.base for layer in layers) if layers else None,
        enhancement_bytes_mean=fmean(layer.enhancement for layer in layers) if layers else None,
        psnr_db=fmean(one.distortion.psnr_db for one in held),
        ms_ssim=fmean(one.distortion.ms_ssim for one in held),
        ms_ssim_db=fmean(one.distortion.ms_ssim_db for one in held),
        ssimulacra2=fmean(one.distortion.ssimulacra2 for one in held),
        encode_ms_median=median(one.encode_ms for one in held),
        decode_ms_median=median(one.decode_ms for one in held),
    )


def summarise(rows: Sequence[RateDistortionRow], ours: Sequence[str]) -> RateDistortionSummary:
    """Compare each codec of `ours` with every other codec by every measure."""
    names = list(dict.fromkeys(row.codec for row in rows))
    return RateDistortionSummary(
        comparisons=tuple(
            _compare(rows, codec, peer, measure)
            for codec in ours
            for peer in names
            if peer not in ours
            for measure in Measure
        )
    )


def _compare(
    rows: Sequence[RateDistortionRow], codec: str, peer: str, measure: Measure
) -> RateDistortionComparison:
    delta = bd_rate(_curve(rows, peer, measure), _curve(rows, codec, measure))
    return RateDistortionComparison(
        codec=codec,
        peer=peer,
        measure=measure,
        bd_rate_percent=delta.value if delta else None,
        bd_rate_overlap=delta.overlap if delta else None,
    )


def _curve(rows: Sequence[RateDistortionRow], codec: str, measure: Measure) -> Curve:
    held = [row for row in rows if row.codec == codec]
    return Curve.of([row.bpp for row in held], [float(getattr(row, measure)) for row in held])


def _settings(request: RateDistortionRequest, pictures: int) -> dict[str, JsonValue]:
    return {
        "images": request.images.name,
        "pictures": pictures,
        "long_side_px": request.side or "as they are",
        "psnr": "over all RGB samples, mean of dB over pictures",
        "ms_ssim": "pytorch-msssim on RGB, in dB before the mean over pictures",
        "ssimulacra2": "the ssimulacra2 package, mean over pictures",
        "bd": "monotone piecewise cubic over ln(bits) and the measure; qualities that cost more for less "
        "left out",
        "times": "milliseconds of processor time on one thread, median over pictures",
    }


def _notes(found: FoundCodecs) -> tuple[str, ...]:
    if not any(isinstance(codec, Slim) for codec in found.codecs):
        return ()
    return (
        "`slim` is the preview: a picture for people from latents that were trained for detectors, made "
        "without any bytes of its own. `slim-full` is what a pulled frame costs and looks like.",
    )
