"""From a request to the report of how often classifiers are right, against bytes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from shared_models.errors import InputError
from shared_models.evaluation.bridge_choice import BridgeChoice, bridge_notes
from shared_models.evaluation.classifiers.bench import (
    BUILT_IN,
    ClassificationBench,
    ClassificationPlan,
    Named,
)
from shared_models.evaluation.classifiers.labels import LabelledPicture, read_labelled
from shared_models.evaluation.classifiers.presentation import points_of
from shared_models.evaluation.classifiers.report import ClassificationReport, ClassificationRow
from shared_models.evaluation.coded_pictures import PEERS, TIMES
from shared_models.evaluation.curve_summary import summarise
from shared_models.evaluation.machine import this_machine
from shared_models.evaluation.peers.catalogue import FoundCodecs, find_codecs
from shared_models.evaluation.peers.pixels import NAME as UNCOMPRESSED
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.picture_coder import picture_tasks
from shared_models.evaluation.picture_folder import PictureFolder
from shared_models.evaluation.pixel_choice import SAMPLES_MAX, PixelChoice
from shared_models.evaluation.point_cost import PointCost, by_point
from shared_models.evaluation.report import CodecUsed, ModelUsed
from shared_models.evaluation.statistics.bd_rate import method
from shared_models.evaluation.statistics.bootstrap import (
    COVERAGE,
    DRAWS,
    draw_pictures,
    interval,
    mean_of_draws,
)
from shared_models.evaluation.sweep import Sweep
from shared_models.evaluation.workers import OnDone, Workers
from shared_models.tasks.classifier import LatentClassifier

KEPT: Final = (0.90, 0.95, 0.97)
"""Shares of the top-1 on pixels at which bytes are compared."""


@dataclass(frozen=True, slots=True)
class ClassificationRequest:
    """What is to be measured, and where things are."""

    images: Path
    classifier: Path
    sweep: Sweep
    labels: Path | None = None
    """JSON or CSV; else names of pictures or of their folders begin with the class."""
    bridges: tuple[str, ...] = ()
    """Directories, or names of ready-made ones."""


def evaluate_classification(
    request: ClassificationRequest, on_done: OnDone = lambda done, of: None
) -> ClassificationReport:
    """Measure; raise InputError or ModelError for what cannot be measured at all."""
    pictures = read_labelled(request.images, request.labels, request.sweep.limit or 0)
    found = find_codecs([UNCOMPRESSED, *request.sweep.codecs], request.sweep.model)
    plan, missing = _plan(request, pictures, found)
    is_seen = plan.has_built_in or bool(plan.bridges)
    codecs = [codec for codec in found.codecs if is_seen or not isinstance(codec, Slim)]
    tasks = picture_tasks(request.sweep, codecs, len(pictures))
    with Workers(ClassificationBench, plan, request.sweep.jobs) as workers:
        named = workers.map(ClassificationBench.name, tasks, on_done)
    rows = tuple(_rows(pictures, named, plan.pixels.name))
    has_ours = any(isinstance(codec, Slim) for codec in found.codecs)
    notes = bridge_notes(
        "classifier", plan.pixels, has_bridge=bool(plan.bridges), has_built_in=plan.has_built_in
    )
    return ClassificationReport(
        command=request.sweep.command,
        machine=this_machine(),
        model=ModelUsed.behind(found.codecs),
        settings=_settings(request, plan, len(pictures)),
        codecs=tuple(map(CodecUsed.of, found.codecs)),
        missing={**found.missing, **missing},
        notes=tuple(notes) if has_ours else (),
        rows=rows,
        summary=summarise(list(points_of(rows)), KEPT),
    )


def _plan(
    request: ClassificationRequest, pictures: Sequence[LabelledPicture], found: FoundCodecs
) -> tuple[ClassificationPlan, dict[str, str]]:
    """Open everything once, so that what is unfit is known before the work begins."""
    paths = tuple(picture.path for picture in pictures)
    folder = PictureFolder(paths, request.sweep.side)
    samples = [folder.pixels(index) for index in range(min(SAMPLES_MAX, len(paths)))]
    pixels = PixelChoice.of(request.classifier, samples, "classify")
    unknown = [picture for picture in pictures if picture.class_index >= len(pixels.classes)]
    if unknown:
        raise InputError(
            f"{unknown[0].path.name} is labelled {unknown[0].class_index} and {pixels.name} knows the "
            f"classes 0 to {len(pixels.classes) - 1}; --labels gives others than the names of the pictures"
        )
    bridges = tuple(BridgeChoice(source, "classify") for source in request.bridges)
    missing: dict[str, str] = {}
    ours = [codec for codec in found.codecs if isinstance(codec, Slim)]
    if ours:
        package = ours[0].codec.package
        for bridge in bridges:
            bridge.open(package)
        if "classify" in package.manifest.parts:
            LatentClassifier(package)
        else:
            missing[BUILT_IN] = f"the model package {package.name} has no classifier of its own"
    plan = ClassificationPlan(
        pictures=paths,
        sweep=request.sweep,
        pixels=pixels,
        bridges=bridges,
        has_built_in=bool(ours) and not missing,
    )
    return plan, missing


@dataclass(frozen=True, slots=True)
class _Reference:
    """What the rows are measured by."""

    labels: list[int]
    first: list[int]
    """The most probable class of each uncompressed picture."""
    top1: float
    draws: NDArray[np.int64]


def _rows(
    pictures: Sequence[LabelledPicture], named: Sequence[Named], on_pixels: str
) -> Iterator[ClassificationRow]:
    points = by_point(named)
    labels = [picture.class_index for picture in pictures]
    uncompressed = next(held for (codec, _), held in points.items() if codec == UNCOMPRESSED)
    first = [one.classes[on_pixels][0] for one in uncompressed]
    top1 = fmean(a == b for a, b in zip(first, labels, strict=True))
    reference = _Reference(labels, first, top1, draw_pictures(len(pictures)))
    for held in points.values():
        for classifier in held[0].classes:
            yield _row(held, classifier, reference)


def _row(held: Sequence[Named], classifier: str, reference: _Reference) -> ClassificationRow:
    best = [one.classes[classifier] for one in held]
    right = [float(classes[0] == label) for classes, label in zip(best, reference.labels, strict=True)]
    return ClassificationRow(
        **PointCost.of([one.cost for one in held]).columns(),
        classifier=classifier,
        top1=fmean(right),
        top1_interval=interval(mean_of_draws(right, reference.draws)),
        top5=fmean(label in classes for classes, label in zip(best, reference.labels, strict=True)),
        agreement=fmean(classes[0] == first for classes, first in zip(best, reference.first, strict=True)),
        kept=fmean(right) / reference.top1 if reference.top1 else None,
    )


def _settings(
    request: ClassificationRequest, plan: ClassificationPlan, pictures: int
) -> dict[str, JsonValue]:
    return {
        "images": request.images.name,
        "labels": request.labels.name if request.labels else "names of pictures or folders",
        "pictures": pictures,
        "long_side_px": request.sweep.long_side_px,
        "classifier": plan.pixels.name,
        "classifier_input": str(plan.pixels.convention),
        "intervals": f"{COVERAGE:.0%}, percentiles of {DRAWS} bootstrap draws of the pictures",
        "bd": method("top-1"),
        "bytes": PEERS,
        "times": TIMES,
    }
