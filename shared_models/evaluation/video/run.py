"""From a request to the report of what moving pictures cost, and of what is still found in them."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from pydantic import JsonValue

from shared_models.errors import InputError
from shared_models.evaluation.bridge_choice import bridge_notes
from shared_models.evaluation.curve_summary import summarise
from shared_models.evaluation.detection.accuracy import Accuracy, CocoJudge
from shared_models.evaluation.detection.detectors import BUILT_IN
from shared_models.evaluation.detection.report import GroupAccuracy
from shared_models.evaluation.machine import this_machine
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.report import CodecUsed, ModelUsed
from shared_models.evaluation.statistics.bd_rate import method
from shared_models.evaluation.video.bench import VideoBench, VideoPlan, Watched, WatchTask
from shared_models.evaluation.video.clips import Clip
from shared_models.evaluation.video.presentation import points_of
from shared_models.evaluation.video.report import VideoReport, VideoRow
from shared_models.evaluation.video.request import VideoChoice, VideoRequest, choose
from shared_models.evaluation.video.truth import VideoTruth, confident, read_truth
from shared_models.evaluation.video.video_codecs import PIXELS, VideoCodec
from shared_models.evaluation.workers import OnDone, Workers

KEPT: Final = (0.50, 0.80, 0.90, 0.95)
"""Shares of the AP on pixels at which bytes are compared."""


def evaluate_video(request: VideoRequest, on_done: OnDone = lambda done, of: None) -> VideoReport:
    """Measure; raise InputError or ModelError for what cannot be measured at all."""
    choice = choose(request)
    labelled = read_truth(request.labels, choice.clip) if request.labels else None
    tasks = [
        WatchTask(PIXELS, 100),
        *(WatchTask(c.name, quality) for c in choice.codecs for quality in request.sweep.qualities_of(c)),
    ]
    plan = _plan(request, choice)
    with Workers(VideoBench, plan, request.sweep.jobs) as workers:
        watched = workers.map(VideoBench.watch, tasks, on_done)
    bench = VideoBench(plan)
    truth = labelled or _agreed(request, choice, bench, watched[0])
    rows = list(_rows(choice.clip, bench, truth, watched))
    return VideoReport(
        command=request.sweep.command,
        machine=this_machine(),
        model=ModelUsed.behind(choice.codecs),
        settings=_settings(request, choice, truth),
        codecs=tuple(
            CodecUsed(name=codec.name, settings=_settings_of(codec), quality_name=codec.quality_name)
            for codec in choice.codecs
        ),
        missing=choice.missing,
        notes=tuple(_notes(request, choice)),
        rows=tuple(rows),
        summary=summarise(list(points_of(tuple(rows))), KEPT),
    )


def _plan(request: VideoRequest, choice: VideoChoice) -> VideoPlan:
    return VideoPlan(
        clip=request.clip,
        sweep=request.sweep,
        keyframe_interval=request.keyframe_interval,
        pixels=choice.pixels,
        latents=choice.latents,
    )


def _agreed(request: VideoRequest, choice: VideoChoice, bench: VideoBench, pixels: Watched) -> VideoTruth:
    """Take what the detector is sure of on the pixels for the truth; raise InputError for nothing."""
    (sight_key,) = pixels.sights.values()
    return confident(choice.clip, bench.detections(sight_key), request.confident)


def _rows(clip: Clip, bench: VideoBench, truth: VideoTruth, watched: Sequence[Watched]) -> Iterator[VideoRow]:
    judge = CocoJudge(truth.coco)
    reference: float | None = None
    for seen in watched:
        for detector, sight_key in seen.sights.items():
            found = bench.detections(sight_key)
            accuracy = judge.accuracy({frame: found[frame] for frame in truth.frames})
            if reference is None:  # the pixels come first
                reference = accuracy.AP
                if reference <= 0:
                    raise InputError(
                        f"the detector finds none of the {truth.boxes} labelled boxes on the pixels of "
                        f"{clip.path}: it does not know these classes, or the labels are of another clip"
                    )
            yield _row(clip, seen, detector, accuracy, reference)


def _row(clip: Clip, seen: Watched, detector: str, accuracy: Accuracy, reference: float) -> VideoRow:
    bytes_mean = float(np.mean(seen.sizes))
    return VideoRow(
        codec=seen.task.codec,
        quality=seen.task.quality,
        detector=detector,
        sees="latents" if seen.on_latents else "pixels",
        frames=len(seen.sizes),
        bytes_mean=bytes_mean,
        bytes_median=float(np.median(seen.sizes)),
        bytes_max=float(max(seen.sizes)),
        kbit_per_s=bytes_mean * 8 * clip.fps / 1000,
        key_frames=seen.key_frames,
        AP=accuracy.AP,
        AP50=accuracy.AP50,
        kept=accuracy.AP / reference,
        groups={
            name: GroupAccuracy(AP=_defined(AP), AP50=_defined(AP50))
            for name, (AP, AP50) in accuracy.groups.items()
        },
        encode_ms_median=float(np.median(seen.encode_ms)),
    )


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value


def _settings_of(codec: VideoCodec) -> str:
    """Return a codec's settings; of ours, only packets are counted here."""
    if isinstance(codec, Slim):
        return codec.settings.replace("whole .slim file", "live packets")
    return codec.settings


def _settings(request: VideoRequest, choice: VideoChoice, truth: VideoTruth) -> dict[str, JsonValue]:
    clip = choice.clip
    return {
        "clip": clip.path.name,
        "frames": len(clip.frames),
        "size_px": f"{clip.size[0]}×{clip.size[1]}",
        "frames_per_second": round(clip.fps, 3),
        "source_frames_per_second": round(clip.source_fps, 3),
        "key_frame_interval": request.keyframe_interval,
        "truth": truth.source,
        "boxes": truth.boxes,
        "detector": choice.pixels.name,
        "detector_input": str(choice.pixels.convention),
        "detector_output": choice.pixels.layout,
        "bytes": "live packets with their headers (ours), Annex B or OBUs with parameter sets (peers)",
        "bd": method("AP"),
        "times": "milliseconds of processor time a frame on one thread, median over frames",
    }


def _notes(request: VideoRequest, choice: VideoChoice) -> Iterator[str]:
    yield (
        "Video encoders predict each frame from those before; one lost packet spoils what follows, up to the "
        "next key frame. Ours codes each frame by itself."
    )
    if request.labels is None:
        yield (
            "There are no labels: AP is the agreement with the same detector on the pixels, which is 1 for "
            "the pixels themselves, and says nothing of whether that detector is right."
        )
    if choice.has_ours:
        has_built_in = BUILT_IN not in choice.missing
        yield from bridge_notes(
            "detector", choice.pixels, has_bridge=bool(request.bridges), has_built_in=has_built_in
        )
