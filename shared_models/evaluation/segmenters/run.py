"""From a request to the report of what segmenters still find, against bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from shared_models.evaluation.bridge_choice import BridgeChoice
from shared_models.evaluation.coded_pictures import PEERS, TIMES
from shared_models.evaluation.curve_summary import summarise
from shared_models.evaluation.machine import this_machine
from shared_models.evaluation.peers.catalogue import FoundCodecs, find_codecs
from shared_models.evaluation.peers.pixels import NAME as UNCOMPRESSED
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.picture_coder import picture_tasks
from shared_models.evaluation.picture_folder import PictureFolder
from shared_models.evaluation.pixel_choice import PixelChoice
from shared_models.evaluation.point_cost import PointCost, by_point
from shared_models.evaluation.report import CodecUsed, ModelUsed
from shared_models.evaluation.segmenters.bench import SegmentationBench, SegmentationPlan, Segmented
from shared_models.evaluation.segmenters.class_map import read_class_map
from shared_models.evaluation.segmenters.confusion import ConfusionMatrix
from shared_models.evaluation.segmenters.label_files import pair_labels
from shared_models.evaluation.segmenters.presentation import points_of
from shared_models.evaluation.segmenters.report import SegmentationReport, SegmentationRow
from shared_models.evaluation.statistics.bd_rate import method
from shared_models.evaluation.sweep import Sweep
from shared_models.evaluation.workers import OnDone, Workers

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
    sweep: Sweep
    bridges: tuple[str, ...] = ()
    """Directories, or names of ready-made ones."""


def evaluate_segmentation(
    request: SegmentationRequest, on_done: OnDone = lambda done, of: None
) -> SegmentationReport:
    """Measure; raise InputError or ModelError for what cannot be measured at all."""
    found = find_codecs([UNCOMPRESSED, *request.sweep.codecs], request.sweep.model)
    plan = _plan(request, found)
    missing = dict(found.missing)
    if not plan.bridges:
        needs_bridge = f"latents need a bridge into {plan.pixels.name}: name one with --path"
        missing |= {codec.name: needs_bridge for codec in found.codecs if isinstance(codec, Slim)}
    codecs = [codec for codec in found.codecs if codec.name not in missing]
    tasks = picture_tasks(request.sweep, codecs, len(plan.pictures))
    with Workers(SegmentationBench, plan, request.sweep.jobs) as workers:
        segmented = workers.map(SegmentationBench.segment, tasks, on_done)
    rows = tuple(_rows(segmented, plan.pixels.name))
    return SegmentationReport(
        command=request.sweep.command,
        machine=this_machine(),
        model=ModelUsed.behind(codecs),
        settings=_settings(request, plan),
        codecs=tuple(map(CodecUsed.of, codecs)),
        missing=missing,
        rows=rows,
        summary=summarise(list(points_of(rows)), KEPT),
    )


def _plan(request: SegmentationRequest, found: FoundCodecs) -> SegmentationPlan:
    """Open everything once, so that what is unfit is known before the work begins."""
    class_map = read_class_map(request.classes)
    pictures = pair_labels(request.images, request.labels, request.sweep.limit)
    folder = PictureFolder([picture.path for picture in pictures], request.sweep.side)
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
        sweep=request.sweep,
        pixels=pixels,
        bridges=bridges,
    )


def _rows(segmented: Sequence[Segmented], on_pixels: str) -> list[SegmentationRow]:
    points = by_point(segmented)
    uncompressed = next(held for (codec, _), held in points.items() if codec == UNCOMPRESSED)
    reference = _whole(uncompressed, on_pixels).mean_iou
    return [_row(held, segmenter, reference) for held in points.values() for segmenter in held[0].counted]


def _row(held: Sequence[Segmented], segmenter: str, reference: float) -> SegmentationRow:
    confusion = _whole(held, segmenter)
    agreeing = sum(one.counted[segmenter].agreeing for one in held)
    return SegmentationRow(
        **PointCost.of([one.cost for one in held]).columns(),
        segmenter=segmenter,
        mean_iou=confusion.mean_iou,
        pixel_accuracy=confusion.pixel_accuracy,
        iou=confusion.iou,
        agreement=agreeing / sum(one.cost.area for one in held),
        kept=confusion.mean_iou / reference if reference else None,
    )


def _whole(held: Sequence[Segmented], segmenter: str) -> ConfusionMatrix:
    return reduce(add, (one.counted[segmenter].confusion for one in held))


def _settings(request: SegmentationRequest, plan: SegmentationPlan) -> dict[str, JsonValue]:
    return {
        "images": request.images.name,
        "pictures": len(plan.pictures),
        "long_side_px": request.sweep.long_side_px,
        "classes": ", ".join(plan.class_map.classes),
        "class_map": request.classes.name,
        "segmenter": plan.pixels.name,
        "segmenter_input": str(plan.pixels.convention),
        "bd": method("mIoU"),
        "bytes": PEERS,
        "times": TIMES,
    }
