"""The work behind a detection report: code pictures, look at them, judge the sights. Runs anywhere."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared_models.evaluation.cache import key, source_key
from shared_models.evaluation.detection import accuracy, average_precision
from shared_models.evaluation.detection.accuracy import Accuracy, JudgedDetections
from shared_models.evaluation.detection.detectors import LatentsChoice, OnLatents
from shared_models.evaluation.detection.labelled_pictures import DetectionSet
from shared_models.evaluation.detection.sight import Sight, decode_ms_of
from shared_models.evaluation.opened_models import OpenedModels
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.picture_coder import PictureCoder, PictureTask, Shown
from shared_models.evaluation.picture_reader import PictureReader
from shared_models.evaluation.pixel_choice import OnPixels, PixelChoice
from shared_models.evaluation.point_cost import PictureCost
from shared_models.evaluation.statistics.bootstrap import draw_pictures
from shared_models.evaluation.sweep import Sweep


@dataclass(frozen=True, slots=True)
class DetectionPlan:
    """What every process needs to know."""

    instances: Path
    images: Path | None
    sweep: Sweep
    pixels: PixelChoice | None
    latents: tuple[LatentsChoice, ...]
    draws: int


@dataclass(frozen=True, slots=True)
class LookTask:
    """Code some pictures with a codec at its qualities, and look at them."""

    codec: str
    qualities: tuple[float, ...]
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """One picture at one quality: what it cost, and what became of it, by detector."""

    image_id: int
    cost: PictureCost
    sights: dict[str, str]
    """The keys under which the cache holds what was seen."""
    decode_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class JudgeTask:
    """Judge what a detector saw in all pictures."""

    sights: tuple[tuple[int, str], ...]


class DetectionBench:
    """Pictures, codecs, detectors and the judge of one process; each is loaded when it is first needed."""

    def __init__(self, plan: DetectionPlan) -> None:
        """Read the annotations; raise InputError."""
        self.plan, sweep = plan, plan.sweep
        self.pictures = DetectionSet(plan.instances, sweep.limit, images=plan.images, side=sweep.side)
        self.coder = PictureCoder(PictureReader(self.pictures.picture), sweep)
        self.models: OpenedModels[OnLatents] = OpenedModels(plan.pixels)

    def look(self, task: LookTask) -> list[Looked]:
        """Code pictures, and let every detector look that can."""
        return [self._look(PictureTask(task.codec, q, i)) for i in task.ids for q in task.qualities]

    def judge(self, task: JudgeTask) -> JudgedDetections:
        """Judge all sights of one codec, quality and detector, once."""
        code = source_key(accuracy.__name__, average_precision.__name__)
        sights = [part for pair in task.sights for part in pair]
        judged_key = key("judged", self.pictures.digest, code, self.plan.draws, *sights)
        kept = self.coder.cache.get(judged_key)
        if kept is not None:
            return _judged_from_json(kept)
        found = {}
        for image_id, sight_key in task.sights:
            sight = self.coder.cache.get(sight_key)
            assert sight is not None, "a sight is kept before it is judged"
            found[image_id] = Sight.from_bytes(sight).detections
        judged = self.pictures.judge.judge(found, self._draws)
        self.coder.cache.put(judged_key, _judged_to_json(judged))
        return judged

    def _look(self, task: PictureTask) -> Looked:
        shown = self.coder.code(task)
        seen: dict[str, tuple[str, float]] = {}
        if isinstance(shown.codec, Slim):
            for choice in self.plan.latents:
                detector = self.models.on_latents(choice, shown.codec.codec.package)
                look = partial(_look_at_latents, shown.codec, detector, shown)
                seen[choice.name] = self._sight(key("sight", detector.key, shown.coded.key), look)
        elif self.plan.pixels:
            on_pixels = self.models.on_pixels
            look = partial(_look_at_pixels, on_pixels, shown)
            seen[self.plan.pixels.name] = self._sight(key("sight", on_pixels.key, shown.coded.key), look)
        return Looked(
            task.picture,
            PictureCost.of(task, shown),
            {name: sight_key for name, (sight_key, _) in seen.items()},
            {name: decode_ms for name, (_, decode_ms) in seen.items()},
        )

    def _sight(self, sight_key: str, look: Callable[[], Sight]) -> tuple[str, float]:
        """Look once; return the key of what was seen, and the time that decoding took."""
        kept = self.coder.cache.get(sight_key)
        if kept is not None:
            return sight_key, decode_ms_of(kept)
        sight = look()
        self.coder.cache.put(sight_key, sight.to_bytes())
        return sight_key, sight.decode_ms

    @cached_property
    def _draws(self) -> NDArray[np.int64]:
        return draw_pictures(len(self.pictures.ids), self.plan.draws)


def _look_at_pixels(detector: OnPixels, shown: Shown) -> Sight:
    t0 = time.process_time()
    decoded = shown.decoded()
    t1 = time.process_time()
    return Sight(1e3 * (t1 - t0), tuple(detector.detect(decoded)))


def _look_at_latents(codec: Slim, detector: OnLatents, shown: Shown) -> Sight:
    t0 = time.process_time()
    latents = codec.latents(shown.data)
    t1 = time.process_time()
    found = detector.detect(latents, shown.picture.width, shown.picture.height)
    return Sight(1e3 * (t1 - t0), tuple(found))


def _judged_to_json(judged: JudgedDetections) -> bytes:
    draws = {"AP": judged.AP_draws.tolist(), "AP50": judged.AP50_draws.tolist()}
    return json.dumps({"accuracy": asdict(judged.accuracy), "draws": draws}).encode()


def _judged_from_json(data: bytes) -> JudgedDetections:
    kept = json.loads(data)
    figures = kept["accuracy"]
    groups = {name: (AP, AP50) for name, (AP, AP50) in figures["groups"].items()}
    return JudgedDetections(
        Accuracy(figures["AP"], figures["AP50"], groups),
        np.array(kept["draws"]["AP"]),
        np.array(kept["draws"]["AP50"]),
    )
