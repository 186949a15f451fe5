"""From a request to the report of latencies: everything is made first, then takes turns on the clock."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from pydantic import JsonValue

from shared_models.evaluation.detection.detectors import BUILT_IN, LatentsChoice
from shared_models.evaluation.latency.int8_accuracy import judged
from shared_models.evaluation.latency.memory import memory_growth
from shared_models.evaluation.latency.peaks import PeakLoad, best_peaks, peak_loads
from shared_models.evaluation.latency.peer_stages import CLIP_FRAMES, JPEG_QUALITY
from shared_models.evaluation.latency.ratios import ratios_of
from shared_models.evaluation.latency.report import Int8Row, LatencyReport, MemoryRow, Peak
from shared_models.evaluation.latency.request import LatencyRequest
from shared_models.evaluation.latency.scenes import CALIBRATION_PICTURES, SYNTHETIC
from shared_models.evaluation.latency.stage import StageKey
from shared_models.evaluation.latency.stopwatch import BURST, Action, take_turns
from shared_models.evaluation.latency.suite import CALIBRATION_FRAMES, MEMORY_FRAMES, Suite, SuiteMaker
from shared_models.evaluation.machine import this_machine
from shared_models.evaluation.report import ModelUsed
from shared_models.packages.package import ModelPackage
from shared_models.packages.registry import open_package

PEAK_ROUNDS: Final = 10

OnStep = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and of how much."""


def evaluate_latency(request: LatencyRequest, on_step: OnStep = lambda what, done, of: None) -> LatencyReport:
    """Measure; raise InputError or ModelError for what cannot be measured."""
    package = open_package(request.model)
    counts = sorted({1, *request.threads})  # peers run on one
    loads = [load for threads in counts for load in peak_loads(threads)]
    peaks = _measure_peaks(loads, on_step)
    on_step("making what is measured", 0, 1)
    suite = SuiteMaker(request, package).make()
    times = take_turns(
        [Action(stage.key, stage.run, stage.frames) for stage in suite.stages],
        request.frames,
        request.rounds,
        _counting("rounds", request.rounds, on_step),
    )
    peaks = best_peaks([*peaks, *_measure_peaks(loads, on_step)])  # again: a neighbour may have come or gone
    by_kind = {(peak.what, peak.threads): peak for peak in peaks}
    rows = tuple(stage.row(times[stage.key], by_kind) for stage in suite.stages)
    return LatencyReport(
        command=request.command,
        machine=this_machine(),
        model=ModelUsed.of(package),
        settings=_settings(request, suite),
        missing=suite.missing,
        notes=tuple(_notes(request)),
        peaks=tuple(peaks),
        rows=rows,
        memory=tuple(_memory(suite, on_step)),
        int8=tuple(_int8(request, package, suite, on_step)),
        ratios=tuple(ratios_of(rows)),
    )


def _measure_peaks(loads: Sequence[PeakLoad], on_step: OnStep) -> list[Peak]:
    counting = _counting("the machine's peak", PEAK_ROUNDS, on_step)
    actions = [Action(number, load.run_frame) for number, load in enumerate(loads)]
    times = take_turns(actions, 1, PEAK_ROUNDS, counting)
    return [load.peak(times[number]) for number, load in enumerate(loads)]


def _counting(what: str, of: int, on_step: OnStep) -> Callable[[], None]:
    done = iter(range(1, of + 1))
    return lambda: on_step(what, next(done), of)


def _int8(request: LatencyRequest, package: ModelPackage, suite: Suite, on_step: OnStep) -> Iterable[Int8Row]:
    if request.labels is None:
        return suite.int8
    choice = LatentsChoice(str(request.bridge) if request.bridge else BUILT_IN)
    count = len(suite.int8)
    detector = choice.open(package)
    return judged(
        suite.int8,
        suite.int8_codecs,
        request.labels,
        detector,
        lambda done: on_step("int8 accuracy", done, count),
    )


def _memory(suite: Suite, on_step: OnStep) -> Iterator[MemoryRow]:
    for done, (key, plan) in enumerate(suite.memory):
        on_step("memory", done, len(suite.memory))
        growth = memory_growth(plan)
        if growth is not None:
            yield _memory_row(key, growth.growth_mb, growth.peak_mb)


def _memory_row(key: StageKey, growth_mb: float, peak_mb: float) -> MemoryRow:
    return MemoryRow(
        what="encode" if key.stage == "encode" else "decode",
        size=key.size,
        width=key.width,
        backend=key.backend,
        threads=key.threads,
        growth_mb=growth_mb,
        peak_mb=peak_mb,
    )


def _settings(request: LatencyRequest, suite: Suite) -> dict[str, JsonValue]:
    settings: dict[str, JsonValue] = {
        "source": request.source.name if request.source else SYNTHETIC,
        "frames": request.frames,
        "rounds": request.rounds,
        "timing": (
            f"all stages take turns, round after round; {BURST} calls a turn; best: each frame's best, "
            "averaged over frames"
        ),
        "int8": f"static QDQ, uint8 × int8 by channel, ranges of {_calibration(request)}",
        "memory": f"first size; a process of its own for each, from loading to {MEMORY_FRAMES} frames",
        "JPEG": f"quality {JPEG_QUALITY}, 4:2:0",
    }
    if request.labels:
        settings["mAP"] = f"{request.labels.annotations.name}, {request.labels.limit or 'all'} pictures"
    if request.bridge:
        settings["bridge"] = request.bridge.name
    if request.detector:
        settings["detector"] = request.detector.stem
    for name, text in suite.peers.items():
        settings[name] = f"{text}; {CLIP_FRAMES} frames at once, opening and flushing included"
    return settings


def _calibration(request: LatencyRequest) -> str:
    if request.calibration:
        return f"{CALIBRATION_PICTURES} pictures of {request.calibration.name} at most"
    return f"{CALIBRATION_FRAMES} frames before these"


def _notes(request: LatencyRequest) -> Iterator[str]:
    yield (
        "Bytes moved count each layer's inputs, weights and outputs once, activations fused; the roofline "
        "takes them from a core's own cache, where those of small frames stay."
    )
    yield "Peers run on one thread whatever --threads says."
    if request.bridge is None:
        yield "Without --path no bridge was measured."
