"""The work behind a detection report: code pictures, look at them, judge the sights. Runs anywhere."""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared_models.evaluation.cache import Cache, key, source_key
from shared_models.evaluation.coded_pictures import CodedPicture, Picture, code_picture
from shared_models.evaluation.detection import accuracy, average_precision
from shared_models.evaluation.detection.accuracy import Accuracy, JudgedDetections
from shared_models.evaluation.detection.detectors import LatentsChoice, OnLatents
from shared_models.evaluation.detection.labelled_pictures import DetectionSet
from shared_models.evaluation.detection.sight import Sight, decode_ms_of
from shared_models.evaluation.peers.catalogue import CodecOptions, make_codec
from shared_models.evaluation.peers.codec import Missing, PictureCodec
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.pixel_choice import OnPixels, PixelChoice
from shared_models.evaluation.statistics.bootstrap import draw_pictures
from shared_models.frames import Pixels


@dataclass(frozen=True, slots=True)
class DetectionPlan:
    """What every process needs to know."""

    instances: Path
    images: Path | None
    side: int
    limit: int | None
    codecs: CodecOptions
    pixels: PixelChoice | None
    latents: tuple[LatentsChoice, ...]
    cache: Path
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
    quality: float
    coded: CodedPicture
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
        self.plan = plan
        self.cache = Cache(plan.cache)
        self.pictures = DetectionSet(plan.instances, plan.limit, images=plan.images, side=plan.side)
        self._codecs: dict[str, PictureCodec] = {}
        self._latents: dict[LatentsChoice, OnLatents] = {}
        self._digests: dict[int, bytes] = {}
        self._last: tuple[int, Pixels] | None = None

    def look(self, task: LookTask) -> list[Looked]:
        """Code pictures, and let every detector look that can."""
        return [self._look(task.codec, q, self._picture(i), i) for i in task.ids for q in task.qualities]

    def judge(self, task: JudgeTask) -> JudgedDetections:
        """Judge all sights of one codec, quality and detector, once."""
        code = source_key(accuracy.__name__, average_precision.__name__)
        sights = [part for pair in task.sights for part in pair]
        judged_key = key("judged", self.pictures.digest, code, self.plan.draws, *sights)
        kept = self.cache.get(judged_key)
        if kept is not None:
            return _judged_from_json(kept)
        found = {}
        for image_id, sight_key in task.sights:
            sight = self.cache.get(sight_key)
            assert sight is not None, "a sight is kept before it is judged"
            found[image_id] = Sight.from_bytes(sight).detections
        judged = self.pictures.judge.judge(found, self._draws)
        self.cache.put(judged_key, _judged_to_json(judged))
        return judged

    def _look(self, codec_name: str, quality: float, picture: Picture, image_id: int) -> Looked:
        codec = self._codec(codec_name)
        coded, data = code_picture(codec, picture, quality, self.cache)
        seen: dict[str, tuple[str, float]] = {}
        if isinstance(codec, Slim):
            for choice in self.plan.latents:
                detector = self._on_latents(choice, codec)
                look = partial(_look_at_latents, codec, detector, data, picture)
                seen[choice.name] = self._sight(key("sight", detector.key, coded.key), look)
        elif self.plan.pixels:
            look = partial(_look_at_pixels, codec, self._on_pixels, data, picture)
            seen[self.plan.pixels.name] = self._sight(key("sight", self._on_pixels.key, coded.key), look)
        return Looked(
            image_id,
            quality,
            coded,
            {name: sight_key for name, (sight_key, _) in seen.items()},
            {name: decode_ms for name, (_, decode_ms) in seen.items()},
        )

    def _sight(self, sight_key: str, look: Callable[[], Sight]) -> tuple[str, float]:
        """Look once; return the key of what was seen, and the time that decoding took."""
        kept = self.cache.get(sight_key)
        if kept is not None:
            return sight_key, decode_ms_of(kept)
        sight = look()
        self.cache.put(sight_key, sight.to_bytes())
        return sight_key, sight.decode_ms

    def _on_latents(self, choice: LatentsChoice, codec: Slim) -> OnLatents:
        if choice not in self._latents:
            self._latents[choice] = choice.open(codec.codec.package)
        return self._latents[choice]

    def _codec(self, name: str) -> PictureCodec:
        if name not in self._codecs:
            made = make_codec(name, self.plan.codecs)
            assert not isinstance(made, Missing), "missing codecs get no tasks"
            self._codecs[name] = made
        return self._codecs[name]

    def _picture(self, image_id: int) -> Picture:
        """Return a picture; its pixels are read once for several looks in a row."""
        if image_id not in self._digests:
            pixels = self._pixels(image_id)
            shape = repr(pixels.shape).encode()
            self._digests[image_id] = hashlib.sha256(shape + pixels.tobytes()).digest()
        width, height = self.pictures.size(image_id)
        return Picture(self._digests[image_id], width, height, partial(self._pixels, image_id))

    def _pixels(self, image_id: int) -> Pixels:
        if self._last is None or self._last[0] != image_id:
            self._last = image_id, self.pictures.picture(image_id)
        return self._last[1]

    @cached_property
    def _on_pixels(self) -> OnPixels:
        assert self.plan.pixels is not None, "there is a detector on pixels where somebody looks with it"
        return self.plan.pixels.open()

    @cached_property
    def _draws(self) -> NDArray[np.int64]:
        return draw_pictures(len(self.pictures.ids), self.plan.draws)


def _look_at_pixels(codec: PictureCodec, detector: OnPixels, data: bytes, picture: Picture) -> Sight:
    t0 = time.process_time()
    decoded = codec.decode(data, picture.width, picture.height)
    t1 = time.process_time()
    return Sight(1e3 * (t1 - t0), tuple(detector.detect(decoded)))


def _look_at_latents(codec: Slim, detector: OnLatents, data: bytes, picture: Picture) -> Sight:
    t0 = time.process_time()
    latents = codec.latents(data)
    t1 = time.process_time()
    return Sight(1e3 * (t1 - t0), tuple(detector.detect(latents, picture.width, picture.height)))


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
