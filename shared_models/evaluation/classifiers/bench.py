"""The work behind a classification report: code pictures, let classifiers name them. Runs in any process."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from shared_models.evaluation.bridge_choice import BridgeChoice, OnBridge
from shared_models.evaluation.cache import Cache, key, source_key
from shared_models.evaluation.coded_pictures import CodedPicture, Picture, code_picture
from shared_models.evaluation.peers.catalogue import CodecOptions
from shared_models.evaluation.peers.codec import PictureCodec
from shared_models.evaluation.peers.shelf import CodecShelf
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.picture_folder import PictureFolder
from shared_models.evaluation.pixel_choice import OnPixels, PixelChoice
from shared_models.tasks.classifier import LatentClassifier
from shared_models.tasks.results import Classification

BUILT_IN = "built-in"
TOP = 5


@dataclass(frozen=True, slots=True)
class ClassificationPlan:
    """What every process needs to know."""

    pictures: tuple[Path, ...]
    side: int
    codecs: CodecOptions
    pixels: PixelChoice
    bridges: tuple[BridgeChoice, ...]
    has_built_in: bool
    cache: Path


@dataclass(frozen=True, slots=True)
class NameTask:
    """Code a picture with a codec at a quality, and let every classifier that can name it."""

    codec: str
    quality: float
    picture: int


@dataclass(frozen=True, slots=True)
class Named:
    """What a picture cost, and what it was taken for."""

    task: NameTask
    coded: CodedPicture
    pixels: int
    on_latents: bool
    classes: dict[str, tuple[int, ...]]
    """By classifier, the indices of its most probable classes, best first."""


class ClassificationBench:
    """Pictures, codecs and classifiers of one process; each is loaded when it is first needed."""

    def __init__(self, plan: ClassificationPlan) -> None:
        """Take the plan."""
        self.plan = plan
        self.cache = Cache(plan.cache)
        self.folder = PictureFolder(plan.pictures, plan.side)
        self.codecs = CodecShelf(plan.codecs)
        self._bridges: dict[BridgeChoice, OnBridge] = {}
        self._built_in: LatentClassifier | None = None

    def name(self, task: NameTask) -> Named:
        """Do one task; raise InputError."""
        codec = self.codecs.take(task.codec)
        picture = self.folder.picture(task.picture)
        coded, data = code_picture(codec, picture, task.quality, self.cache)
        if isinstance(codec, Slim):
            classes = self._on_latents(codec, coded, data, picture)
        else:
            look = partial(self._look_at_pixels, codec, data, picture)
            classes = {self.plan.pixels.name: self._kept(self._on_pixels.key, coded, look)}
        area = picture.width * picture.height
        return Named(task, coded, area, isinstance(codec, Slim), classes)

    def _on_latents(
        self, codec: Slim, coded: CodedPicture, data: bytes, picture: Picture
    ) -> dict[str, tuple[int, ...]]:
        package, size = codec.codec.package, (picture.width, picture.height)
        classes: dict[str, tuple[int, ...]] = {}
        for choice in self.plan.bridges:
            if choice not in self._bridges:
                self._bridges[choice] = choice.open(package)
            bridge = self._bridges[choice]
            look = partial(_look_at_latents, codec, bridge, data, size)
            classes[choice.name] = self._kept(bridge.key, coded, look)
        if self.plan.has_built_in:
            built_in = self._built_in = self._built_in or LatentClassifier(package)
            own = key(package.manifest.parts["classify"].sha256, source_key("shared_models.tasks.classifier"))
            classes[BUILT_IN] = self._kept(
                own, coded, lambda: built_in.classify(codec.latents(data), top=TOP)[0]
            )
        return classes

    def _look_at_pixels(self, codec: PictureCodec, data: bytes, picture: Picture) -> list[Classification]:
        return self._on_pixels.model.classify([codec.decode(data, picture.width, picture.height)], top=TOP)[0]

    def _kept(
        self, classifier: str, coded: CodedPicture, look: Callable[[], Sequence[Classification]]
    ) -> tuple[int, ...]:
        """Look once; the cache remembers."""
        named_key = key("classes", classifier, coded.key, TOP)
        kept = self.cache.get(named_key)
        if kept is None:
            kept = json.dumps([found.class_index for found in look()]).encode()
            self.cache.put(named_key, kept)
        return tuple(json.loads(kept))

    @cached_property
    def _on_pixels(self) -> OnPixels:
        return self.plan.pixels.open()


def _look_at_latents(
    codec: Slim, bridge: OnBridge, data: bytes, size: tuple[int, int]
) -> list[Classification]:
    return bridge.model.classify(codec.latents(data), [size], top=TOP)[0]
