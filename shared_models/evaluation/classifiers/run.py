"""From a request to the report of how often classifiers are right, against bytes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from shared_models.errors import InputError
from shared_models.evaluation.bridge_choice import BridgeChoice
from shared_models.evaluation.classifiers.bench import (
    BUILT_IN,
    ClassificationBench,
    ClassificationPlan,
    Named,
    NameTask,
)
from shared_models.evaluation.classifiers.labels import LabelledPicture, read_labelled
from shared_models.evaluation.classifiers.presentation import points_of
from shared_models.evaluation.classifiers.report import ClassificationReport, ClassificationRow
from shared_models.evaluation.curve_summary import summarise
from shared_models.evaluation.machine import this_machine
from shared_models.evaluation.peers.catalogue import CodecOptions, FoundCodecs, find_codecs
from shared_models.evaluation.peers.pixels import NAME as UNCOMPRESSED
from shared_models.evaluation.peers.shelf import qualities_of
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.picture_folder import PictureFolder
from shared_models.evaluation.pixel_choice import SAMPLES_MAX, PixelChoice
from shared_models.evaluation.report import CodecUsed, ModelUsed
from shared_models.evaluation.statistics.bootstrap import (
    COVERAGE,
    DRAWS,
    draw_pictures,
    interval,
    mean_of_draws,
)
from shared_models.evaluation.workers import OnDone, Workers
from shared_models.tasks.classifier import LatentClassifier

CODECS: Final = ("slim", "jpeg", "webp", "avif")
KEPT: Final = (0.90, 0.95, 0.97)
"""Shares of the top-1 on pixels at which bytes are compared."""


@dataclass(frozen=True, slots=True)
class ClassificationRequest:
    """What is to be measured, and where things are."""

    images: Path
    classifier: Path
    command: str
    cache: Path
    labels: Path | None = None
    """JSON or CSV; else names of pictures or of their folders begin with the class."""
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


def evaluate_classification(
    request: ClassificationRequest, on_done: OnDone = lambda done, of: None
) -> ClassificationReport:
    """Measure; raise InputError or ModelError for what cannot be measured at all."""
    pictures = read_labelled(request.images, request.labels, request.limit or 0)
    found = find_codecs([UNCOMPRESSED, *request.codecs], request.model)
    plan, missing = _plan(request, pictures, found)
    tasks = [
        NameTask(codec.name, quality, index)
        for codec in found.codecs
        if plan.has_built_in or plan.bridges or not isinstance(codec, Slim)
        for quality in qualities_of(codec, request.qualities, request.points)
        for index in range(len(pictures))
    ]
    with Workers(ClassificationBench, plan, request.jobs) as workers:
        named = workers.map(ClassificationBench.name, tasks, on_done)
    rows = list(_rows(pictures, named, plan.pixels.name))
    ours = [codec for codec in found.codecs if isinstance(codec, Slim)]
    return ClassificationReport(
        command=request.command,
        machine=this_machine(),
        model=ModelUsed.of(ours[0].codec.package) if ours else None,
        settings=_settings(request, plan, len(pictures)),
        codecs=tuple(map(CodecUsed.of, found.codecs)),
        missing={**found.missing, **missing},
        notes=tuple(_notes(request, plan, bool(ours))),
        rows=tuple(rows),
        summary=summarise(list(points_of(tuple(rows))), KEPT),
    )


def _plan(
    request: ClassificationRequest, pictures: Sequence[LabelledPicture], found: FoundCodecs
) -> tuple[ClassificationPlan, dict[str, str]]:
    """Open everything once, so that what is unfit is known before the work begins."""
    paths = tuple(picture.path for picture in pictures)
    folder = PictureFolder(paths, request.side)
    samples = [folder.pixels(index) for index in range(min(SAMPLES_MAX, len(paths)))]
    pixels = PixelChoice.of(request.classifier, samples, "classify")
    unknown = [picture for picture in pictures if picture.class_index >= len(pixels.classes)]
    if unknown:
        raise InputError(
            f"{unknown[0].path.name} is labelled {unknown[0].class_index} and {pixels.name} knows the "
            f"classes 0 to {len(pixels.classes) - 1}"
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
        side=request.side,
        codecs=request.model,
        pixels=pixels,
        bridges=bridges,
        has_built_in=bool(ours) and not missing,
        cache=request.cache,
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
    points: dict[tuple[str, float], list[Named]] = {}
    for one in named:
        points.setdefault((one.task.codec, one.task.quality), []).append(one)
    labels = [picture.class_index for picture in pictures]
    uncompressed = next(held for (codec, _), held in points.items() if codec == UNCOMPRESSED)
    first = [one.classes[on_pixels][0] for one in uncompressed]
    top1 = fmean(a == b for a, b in zip(first, labels, strict=True))
    reference = _Reference(labels, first, top1, draw_pictures(len(pictures)))
    for held in points.values():
        for classifier in held[0].classes:
            yield _row(held, classifier, reference)


def _row(held: Sequence[Named], classifier: str, reference: _Reference) -> ClassificationRow:
    sizes = [one.coded.bytes for one in held]
    live = [one.coded.live_bytes for one in held if one.coded.live_bytes is not None]
    best = [one.classes[classifier] for one in held]
    right = [float(classes[0] == label) for classes, label in zip(best, reference.labels, strict=True)]
    return ClassificationRow(
        codec=held[0].task.codec,
        quality=held[0].task.quality,
        classifier=classifier,
        sees="latents" if held[0].on_latents else "pixels",
        pictures=len(held),
        bytes_mean=fmean(sizes),
        live_bytes_mean=fmean(live) if live else None,
        bpp=8 * sum(sizes) / sum(one.pixels for one in held),
        top1=fmean(right),
        top1_interval=interval(mean_of_draws(right, reference.draws)),
        top5=fmean(label in classes for classes, label in zip(best, reference.labels, strict=True)),
        agreement=fmean(classes[0] == first for classes, first in zip(best, reference.first, strict=True)),
        kept=fmean(right) / reference.top1 if reference.top1 else None,
        encode_ms_median=median(one.coded.encode_ms for one in held),
    )


def _settings(
    request: ClassificationRequest, plan: ClassificationPlan, pictures: int
) -> dict[str, JsonValue]:
    return {
        "images": request.images.name,
        "labels": request.labels.name if request.labels else "names of pictures or folders",
        "pictures": pictures,
        "long_side_px": request.side or "as they are",
        "classifier": plan.pixels.name,
        "classifier_input": str(plan.pixels.convention),
        "intervals": f"{COVERAGE:.0%}, percentiles of {DRAWS} bootstrap draws of the pictures",
        "bd": "monotone piecewise cubic over ln(bytes) and top-1; qualities that cost more for less left out",
        "times": "milliseconds of processor time on one thread, median over pictures",
    }


def _notes(request: ClassificationRequest, plan: ClassificationPlan, has_ours: bool) -> Iterator[str]:
    if has_ours and not plan.bridges:
        yield (
            f"No bridge leads from latents into {plan.pixels.name}, so ours was seen by the built-in "
            f"classifier only; `slimstream fit-bridge --model {request.classifier.name} --images DIR "
            "-o BRIDGE` makes one for --path."
        )
    if plan.has_built_in:
        yield "The built-in classifier is not the peers' classifier: its rows compare systems, not codecs."
