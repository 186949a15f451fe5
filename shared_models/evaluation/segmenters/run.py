"""From a request to the report of what segmenters still find, against bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from pathlib import Path
from statistics import fmean, median
from typing import Final

from pydantic import JsonValue

from shared_models.evaluation.bridge_choice import BridgeChoice
from shared_models.evaluation.curve_summary import summarise
from shared_models.evaluation.machine import this_machine
from shared_models.evaluation.peers.catalogue import CodecOptions, FoundCodecs, find_codecs
from shared_models.evaluation.peers.pixels import NAME as UNCOMPRESSED
from shared_models.evaluation.peers.shelf import qualities_of
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.picture_folder import PictureFolder
from shared_models.evaluation.pixel_choice import PixelChoice
from shared_models.evaluation.report import CodecUsed, ModelUsed
from shared_models.evaluation.segmenters.bench import (
    SegmentationBench,
    SegmentationPlan,
    Segmented,
    SegmentTask,
)
from shared_models.evaluation.segmenters.class_map import read_class_map
from shared_models.evaluation.segmenters.confusion import ConfusionMatrix
from shared_models.evaluation.segmenters.label_files import pair_labels
from shared_models.evaluation.segmenters.presentation import points_of
from shared_models.evaluation.segmenters.report import SegmentationReport, SegmentationRow
from shared_models.evaluation.workers import OnDone, Workers

CODECS: Final = ("slim", "jpeg", "webp", "avif")
SAMPLES: Final = 2
"""Pictures on which the input convention is tried: each look takes a segmenter a second."""
KEPT: Final = (0.90, 0.95, 0.97)
"""Shares of the mIoU on pixels at which bytes are compared."""


@dataclass(frozen=True, slots=True)
class SegmentationRequest:
    """What is to be measured, and where things are."""

    images: Path
    labels: Path
    classes: Path
    """A JSON map from the segmenter's classes to those of the labels."""
    segmenter: Path
    command: str
    cache: Path
    codecs: tuple[str, ...] = CODECS
    qualities: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """By codec, in its own measure, in place of its usual range."""
    points: int | None = None
    """How many of a codec's usual qualities; all of them else."""
    bridges: tuple[str, ...] = ()
    """Directories, or names of ready-made ones."""
    side: int = 0
    """Larger pictures are made smaller to this long side; 0 keeps them."""
    limit: int | None = None
    model: CodecOptions = field(default_factory=CodecOptions)
    jobs: int = 1


def evaluate_segmentation(
    request: SegmentationRequest, on_done: OnDone = lambda done, of: None
) -> SegmentationReport:
    """Measure; raise InputError or ModelError for what cannot be measured at all."""
    found = find_codecs([UNCOMPRESSED, *request.codecs], request.model)
    plan = _plan(request, found)
    missing = dict(found.missing)
    if not plan.bridges:
        needs_bridge = f"latents need a bridge into {plan.pixels.name}: name one with --path"
        missing |= {codec.name: needs_bridge for codec in found.codecs if isinstance(codec, Slim)}
    codecs = [codec for codec in found.codecs if codec.name not in missing]
    tasks = [
        SegmentTask(codec.name, quality, index)
        for codec in codecs
        for quality in qualities_of(codec, request.qualities, request.points)
        for index in range(len(plan.pictures))
    ]
    with Workers(SegmentationBench, plan, request.jobs) as workers:
        segmented = workers.map(SegmentationBench.segment, tasks, on_done)
    rows = _rows(segmented, plan.pixels.name)
    ours = [codec for codec in codecs if isinstance(codec, Slim)]
    return SegmentationReport(
        command=request.command,
        machine=this_machine(),
        model=ModelUsed.of(ours[0].codec.package) if ours else None,
        settings=_settings(request, plan),
        codecs=tuple(map(CodecUsed.of, codecs)),
        missing=missing,
        rows=tuple(rows),
        summary=summarise(list(points_of(tuple(rows))), KEPT),
    )


def _plan(request: SegmentationRequest, found: FoundCodecs) -> SegmentationPlan:
    """Open everything once, so that what is unfit is known before the work begins."""
    class_map = read_class_map(request.classes)
    pictures = pair_labels(request.images, request.labels, request.limit)
    folder = PictureFolder([picture.path for picture in pictures], request.side)
    samples = [folder.pixels(index) for index in range(min(SAMPLES, len(pictures)))]
    pixels = PixelChoice.of(request.segmenter, samples, "segment")
    bridges = tuple(BridgeChoice(source, "segment") for source in request.bridges)
    for codec in found.codecs:
        if isinstance(codec, Slim):
            for bridge in bridges:
                bridge.open(codec.codec.package)
    return SegmentationPlan(
        pictures=tuple(pictures),
        class_map=class_map,
        side=request.side,
        codecs=request.model,
        pixels=pixels,
        bridges=bridges,
        cache=request.cache,
    )


def _rows(segmented: Sequence[Segmented], on_pixels: str) -> list[SegmentationRow]:
    points: dict[tuple[str, float], list[Segmented]] = {}
    for one in segmented:
        points.setdefault((one.task.codec, one.task.quality), []).append(one)
    uncompressed = next(held for (codec, _), held in points.items() if codec == UNCOMPRESSED)
    reference = _whole(uncompressed, on_pixels).mean_iou
    return [_row(held, segmenter, reference) for held in points.values() for segmenter in held[0].counted]


def _row(held: Sequence[Segmented], segmenter: str, reference: float) -> SegmentationRow:
    confusion = _whole(held, segmenter)
    area = sum(one.pixels for one in held)
    live = [one.coded.live_bytes for one in held if one.coded.live_bytes is not None]
    return SegmentationRow(
        codec=held[0].task.codec,
        quality=held[0].task.quality,
        segmenter=segmenter,
        sees="latents" if held[0].on_latents else "pixels",
        pictures=len(held),
        bytes_mean=fmean(one.coded.bytes for one in held),
        live_bytes_mean=fmean(live) if live else None,
        bpp=8 * sum(one.coded.bytes for one in held) / area,
        mean_iou=confusion.mean_iou,
        pixel_accuracy=confusion.pixel_accuracy,
        iou=confusion.iou,
        agreement=sum(one.counted[segmenter].agreeing for one in held) / area,
        kept=confusion.mean_iou / reference if reference else None,
        encode_ms_median=median(one.coded.encode_ms for one in held),
    )


def _whole(held: Sequence[Segmented], segmenter: str) -> ConfusionMatrix:
    return reduce(add, (one.counted[segmenter].confusion for one in held))


def _settings(request: SegmentationRequest, plan: SegmentationPlan) -> dict[str, JsonValue]:

    return {
        "images": request.images.name,
        "pictures": len(plan.pictures),
        "long_side_px": request.side or "as they are",
        "classes": ", ".join(plan.class_map.classes),
        "class_map": request.classes.name,
        "segmenter": plan.pixels.name,
        "segmenter_input": str(plan.pixels.convention),
        "bd": "monotone piecewise cubic over ln(bytes) and mIoU; qualities that cost more for less left out",
        "times": "milliseconds of processor time on one thread, median over pictures",
    }
