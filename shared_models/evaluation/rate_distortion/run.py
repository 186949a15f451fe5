"""From a request to the report of fidelity against bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

from pydantic import JsonValue

from shared_models.errors import InputError
from shared_models.evaluation.coded_pictures import PEERS, TIMES
from shared_models.evaluation.machine import this_machine
from shared_models.evaluation.peers.catalogue import FoundCodecs, find_codecs
from shared_models.evaluation.peers.pixels import NAME as UNCOMPRESSED
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.peers.slim_full import SlimFull
from shared_models.evaluation.picture_coder import picture_tasks
from shared_models.evaluation.picture_folder import picture_paths
from shared_models.evaluation.point_cost import PointCost, by_point
from shared_models.evaluation.rate_distortion.bench import Compared, RateDistortionBench, RateDistortionPlan
from shared_models.evaluation.rate_distortion.report import (
    Measure,
    RateDistortionComparison,
    RateDistortionReport,
    RateDistortionRow,
    RateDistortionSummary,
)
from shared_models.evaluation.report import CodecUsed, ModelUsed
from shared_models.evaluation.statistics.bd_rate import bd_rate, method
from shared_models.evaluation.statistics.curve import Curve
from shared_models.evaluation.sweep import Sweep
from shared_models.evaluation.workers import OnDone, Workers


@dataclass(frozen=True, slots=True)
class RateDistortionRequest:
    """What is to be measured, and where things are."""

    images: Path
    sweep: Sweep


def evaluate_rate_distortion(
    request: RateDistortionRequest, on_done: OnDone = lambda done, of: None
) -> RateDistortionReport:
    """Measure; raise InputError or ModelError for what cannot be measured at all."""
    sweep = request.sweep
    paths = picture_paths(request.images, sweep.limit)
    found = find_codecs([name for name in sweep.codecs if name != UNCOMPRESSED], sweep.model)
    if not found.codecs:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in found.missing.items())
        raise InputError(f"no codec is left to measure ({reasons or 'name some with --codecs'})")
    tasks = picture_tasks(sweep, found.codecs, len(paths))
    with Workers(RateDistortionBench, RateDistortionPlan(paths, sweep), sweep.jobs) as workers:
        compared = workers.map(RateDistortionBench.compare, tasks, on_done)
    rows = [_row(held) for held in by_point(compared).values()]
    ours = [codec.name for codec in found.codecs if isinstance(codec, Slim | SlimFull)]
    return RateDistortionReport(
        command=sweep.command,
        machine=this_machine(),
        model=ModelUsed.behind(found.codecs),
        settings=_settings(request, len(paths)),
        codecs=tuple(map(CodecUsed.of, found.codecs)),
        missing=dict(found.missing),
        notes=_notes(found),
        rows=tuple(rows),
        summary=summarise(rows, ours),
    )


def _row(held: Sequence[Compared]) -> RateDistortionRow:
    cost = PointCost.of([one.cost for one in held])
    layers = [one.layers for one in held if one.layers]
    return RateDistortionRow(
        codec=cost.codec,
        quality=cost.quality,
        pictures=cost.pictures,
        bytes_mean=cost.bytes_mean,
        bpp=cost.bpp,
        base_bytes_mean=fmean(layer.base for layer in layers) if layers else None,
        enhancement_bytes_mean=fmean(layer.enhancement for layer in layers) if layers else None,
        psnr_db=fmean(one.distortion.psnr_db for one in held),
        ms_ssim=fmean(one.distortion.ms_ssim for one in held),
        ms_ssim_db=fmean(one.distortion.ms_ssim_db for one in held),
        ssimulacra2=fmean(one.distortion.ssimulacra2 for one in held),
        encode_ms_median=cost.encode_ms_median,
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
        "long_side_px": request.sweep.long_side_px,
        "psnr": "over all RGB samples, mean of dB over pictures",
        "ms_ssim": "pytorch-msssim on RGB, in dB before the mean over pictures",
        "ssimulacra2": "the ssimulacra2 package, mean over pictures",
        "bd": method("the measure", "bits"),
        "bytes": PEERS,
        "times": TIMES,
    }


def _notes(found: FoundCodecs) -> tuple[str, ...]:
    if not any(isinstance(codec, Slim) for codec in found.codecs):
        return ()
    return (
        "`slim` is the preview: a picture for people from latents that were trained for detectors, made "
        "without any bytes of its own. `slim-full` is what a pulled frame costs and looks like.",
    )
