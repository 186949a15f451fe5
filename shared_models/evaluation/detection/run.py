"""From a request to the report of detection accuracy against bytes."""

from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import JsonValue

from shared_models.evaluation.detection.bench import (
    DetectionBench,
    DetectionPlan,
    JudgeTask,
    Looked,
    LookTask,
)
from shared_models.evaluation.detection.choice import DetectionChoice, DetectionRequest, choose
from shared_models.evaluation.detection.report import DetectionReport
from shared_models.evaluation.detection.summary import Point, row_of, summarise
from shared_models.evaluation.machine import this_machine
from shared_models.evaluation.peers.pixels import NAME as UNCOMPRESSED
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.report import CodecUsed, ModelUsed
from shared_models.evaluation.statistics.bootstrap import COVERAGE, draw_pictures
from shared_models.evaluation.workers import OnDone, Workers
from shared_models.tasks.coco import NAMES

PICTURES_A_TASK: Final = 4
"""Few, so that progress shows and an interrupt is answered within seconds."""


def evaluate_detection(request: DetectionRequest, on_done: OnDone = lambda done, of: None) -> DetectionReport:
    """Measure; raise InputError or ModelError for what cannot be measured at all."""
    choice = choose(request)
    points = _measure(request, choice, on_done)
    reference = next((point.judged for point in points if point.codec == UNCOMPRESSED), None)
    draws = draw_pictures(len(choice.pictures.ids), request.draws)
    return DetectionReport(
        command=request.command,
        machine=this_machine(),
        model=ModelUsed.of(choice.ours[0].codec.package) if choice.ours else None,
        settings=_settings(request, choice),
        codecs=tuple(map(CodecUsed.of, choice.codecs)),
        missing=dict(choice.missing),
        notes=tuple(_notes(request, choice)),
        rows=tuple(row_of(point, reference) for point in points),
        summary=summarise(points, reference, draws),
    )


def _measure(request: DetectionRequest, choice: DetectionChoice, on_done: OnDone) -> list[Point]:
    ids = choice.pictures.ids
    chunks = [tuple(ids[i : i + PICTURES_A_TASK]) for i in range(0, len(ids), PICTURES_A_TASK)]
    tasks = [LookTask(codec.name, choice.qualities[codec.name], c) for codec in choice.codecs for c in chunks]
    with Workers(DetectionBench, _plan(request, choice), request.jobs) as workers:
        looked: dict[tuple[str, float], list[Looked]] = {}
        for task, looks in zip(tasks, workers.map(DetectionBench.look, tasks, on_done), strict=True):
            for look in looks:
                looked.setdefault((task.codec, look.quality), []).append(look)
        seen = [(*key, name, looks) for key, looks in looked.items() for name in looks[0].sights]
        judged = workers.map(DetectionBench.judge, [_judging(name, looks) for *_, name, looks in seen])
    on_latents = {codec.name for codec in choice.codecs if isinstance(codec, Slim)}
    return [
        Point(
            codec=codec,
            quality=quality,
            detector=name,
            sees="latents" if codec in on_latents else "pixels",
            coded=tuple(look.coded for look in looks),
            areas=tuple(width * height for width, height in map(choice.pictures.size, ids)),
            decode_ms=tuple(look.decode_ms[name] for look in looks),
            judged=result,
        )
        for (codec, quality, name, looks), result in zip(seen, judged, strict=True)
    ]


def _plan(request: DetectionRequest, choice: DetectionChoice) -> DetectionPlan:
    return DetectionPlan(
        instances=request.instances,
        images=request.images,
        side=request.side,
        limit=request.limit,
        codecs=request.model,
        pixels=choice.pixels,
        latents=choice.latents,
        cache=request.cache,
        draws=request.draws,
    )


def _judging(detector: str, looks: Sequence[Looked]) -> JudgeTask:
    return JudgeTask(tuple((look.image_id, look.sights[detector]) for look in looks))


def _settings(request: DetectionRequest, choice: DetectionChoice) -> dict[str, JsonValue]:
    settings: dict[str, JsonValue] = {
        "annotations": request.instances.name,
        "pictures": len(choice.pictures.ids),
        "boxes": len(choice.pictures.dataset["annotations"]),
        "long_side_px": request.side or "as they are",
        "intervals": f"{COVERAGE:.0%}, bias-corrected, from {request.draws} bootstrap draws of the pictures",
        "bd": "monotone piecewise cubic over ln(bytes) and AP; qualities that cost more for less left out",
        "times": "processor milliseconds on one thread, median over pictures",
    }
    if choice.pixels:
        settings["detector"] = choice.pixels.name
        settings["detector_input"] = str(choice.pixels.convention)
        settings["detector_output"] = choice.pixels.layout
    return settings


def _notes(request: DetectionRequest, choice: DetectionChoice) -> Iterator[str]:
    pictures, pixels = choice.pictures, choice.pixels
    if pictures.absent:
        yield f"{pictures.absent} pictures of {request.instances.name} are not there and were left out."
    if choice.ours and pixels and not request.bridges:
        yield (
            f"No bridge leads from latents into {pixels.name}, so ours was seen by the built-in detector "
            f"only; `slimstream fit-bridge --model {request.detector} --images DIR -o BRIDGE` makes one for "
            "--path."
        )
    if not pixels:
        yield "Without --detector nothing looks at pixels, so there are no peers to compare with."
    elif choice.ours:
        yield "The built-in detector is not the peers' detector: its rows compare systems, not codecs."
    unknown = sorted(set(pictures.judge.categories) - set(pixels.classes if pixels else NAMES))
    if unknown:
        yield f"The detector does not know {', '.join(unknown)}: objects of these classes count as missed."
