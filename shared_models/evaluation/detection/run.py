"""From a request to the report of detection accuracy against bytes."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from pydantic import JsonValue

from shared_models.evaluation.bridge_choice import bridge_notes
from shared_models.evaluation.coded_pictures import PEERS, TIMES
from shared_models.evaluation.detection.bench import (
    DetectionBench,
    DetectionPlan,
    JudgeTask,
    Looked,
    LookTask,
)
from shared_models.evaluation.detection.choice import DetectionChoice, DetectionRequest, choose
from shared_models.evaluation.detection.detectors import BUILT_IN
from shared_models.evaluation.detection.report import DetectionReport
from shared_models.evaluation.detection.summary import Point, row_of, summarise
from shared_models.evaluation.machine import this_machine
from shared_models.evaluation.peers.pixels import NAME as UNCOMPRESSED
from shared_models.evaluation.point_cost import by_point
from shared_models.evaluation.report import CodecUsed, ModelUsed
from shared_models.evaluation.statistics.bd_rate import method
from shared_models.evaluation.statistics.bootstrap import COVERAGE, draw_pictures
from shared_models.evaluation.workers import OnDone, Workers
from shared_models.tasks.coco import NAMES

PICTURES_A_TASK: Final = 4
"""Few, so that progress shows and an interrupt is answered within seconds."""


def evaluate_detection(request: DetectionRequest, on_done: OnDone = lambda done, of: None) -> DetectionReport:
    """Measure; raise InputError or ModelError for what cannot be measured at all."""
    choice = choose(request)
    points = _measure(request, choice, on_done)
    reference = next((point.judged for point in points if point.cost.codec == UNCOMPRESSED), None)
    draws = draw_pictures(len(choice.pictures.ids), request.draws)
    return DetectionReport(
        command=request.sweep.command,
        machine=this_machine(),
        model=ModelUsed.behind(choice.codecs),
        settings=_settings(request, choice),
        codecs=tuple(map(CodecUsed.of, choice.codecs)),
        missing=choice.missing,
        notes=tuple(_notes(request, choice)),
        rows=tuple(row_of(point, reference) for point in points),
        summary=summarise(points, reference, draws),
    )


def _measure(request: DetectionRequest, choice: DetectionChoice, on_done: OnDone) -> list[Point]:
    ids, sweep = choice.pictures.ids, request.sweep
    chunks = [tuple(ids[i : i + PICTURES_A_TASK]) for i in range(0, len(ids), PICTURES_A_TASK)]
    tasks = [LookTask(codec.name, sweep.qualities_of(codec), c) for codec in choice.codecs for c in chunks]
    with Workers(DetectionBench, _plan(request, choice), sweep.jobs) as workers:
        looked = by_point(chain.from_iterable(workers.map(DetectionBench.look, tasks, on_done)))
        seen = [(name, looks) for looks in looked.values() for name in looks[0].sights]
        judged = workers.map(DetectionBench.judge, [_judging(name, looks) for name, looks in seen])
    return [
        Point(
            detector=name,
            costs=tuple(look.cost for look in looks),
            decode_ms=tuple(look.decode_ms[name] for look in looks),
            judged=result,
        )
        for (name, looks), result in zip(seen, judged, strict=True)
    ]


def _plan(request: DetectionRequest, choice: DetectionChoice) -> DetectionPlan:
    return DetectionPlan(
        instances=request.instances,
        images=request.images,
        sweep=request.sweep,
        pixels=choice.pixels,
        latents=choice.latents,
        draws=request.draws,
    )


def _judging(detector: str, looks: Sequence[Looked]) -> JudgeTask:
    return JudgeTask(tuple((look.image_id, look.sights[detector]) for look in looks))


def _settings(request: DetectionRequest, choice: DetectionChoice) -> dict[str, JsonValue]:
    settings: dict[str, JsonValue] = {
        "annotations": request.instances.name,
        "pictures": len(choice.pictures.ids),
        "boxes": len(choice.pictures.dataset["annotations"]),
        "long_side_px": request.sweep.long_side_px,
        "intervals": f"{COVERAGE:.0%}, bias-corrected, from {request.draws} bootstrap draws of the pictures",
        "bd": method("AP"),
        "bytes": PEERS,
        "times": TIMES,
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
    if not pixels:
        yield "Without --detector nothing looks at pixels, so there are no peers to compare with."
    elif choice.has_ours:
        has_built_in = BUILT_IN not in choice.missing
        yield from bridge_notes(
            "detector", pixels, has_bridge=bool(request.bridges), has_built_in=has_built_in
        )
    unknown = sorted(set(pictures.judge.categories) - set(pixels.classes if pixels else NAMES))
    if unknown:
        yield f"The detector does not know {', '.join(unknown)}: objects of these classes count as missed."
