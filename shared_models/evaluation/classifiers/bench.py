"""The work behind a classification report: code pictures, let classifiers name them. Runs in any process."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared_models.evaluation.bridge_choice import BridgeChoice, OnBridge
from shared_models.evaluation.cache import key, source_key
from shared_models.evaluation.coded_pictures import CodedPicture
from shared_models.evaluation.opened_models import OpenedModels
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.picture_coder import PictureCoder, PictureTask, Shown
from shared_models.evaluation.picture_folder import PictureFolder
from shared_models.evaluation.pixel_choice import PixelChoice
from shared_models.evaluation.point_cost import PictureCost
from shared_models.evaluation.sweep import Sweep
from shared_models.tasks.classifier import LatentClassifier
from shared_models.tasks.results import Classification

BUILT_IN: Final = "built-in"
TOP: Final = 5


@dataclass(frozen=True, slots=True)
class ClassificationPlan:
    """What every process needs to know."""

    pictures: tuple[Path, ...]
    sweep: Sweep
    pixels: PixelChoice
    bridges: tuple[BridgeChoice, ...]
    has_built_in: bool


@dataclass(frozen=True, slots=True)
class Named:
    """What a picture cost, and what it was taken for."""

    cost: PictureCost
    classes: dict[str, tuple[int, ...]]
    """By classifier, the indices of its most probable classes, best first."""


class ClassificationBench:
    """Pictures, codecs and classifiers of one process; each is loaded when it is first needed."""

    def __init__(self, plan: ClassificationPlan) -> None:
        """Take the plan."""
        self.plan = plan
        self.coder = PictureCoder(PictureFolder(plan.pictures, plan.sweep.side), plan.sweep)
        self.models: OpenedModels[OnBridge] = OpenedModels(plan.pixels)
        self._built_in: LatentClassifier | None = None

    def name(self, task: PictureTask) -> Named:
        """Do one task; raise InputError."""
        shown = self.coder.code(task)
        if isinstance(shown.codec, Slim):
            classes = self._on_latents(shown.codec, shown)
        else:
            classes = {self.plan.pixels.name: self._on_pixels(shown)}
        return Named(PictureCost.of(task, shown), classes)

    def _on_latents(self, codec: Slim, shown: Shown) -> dict[str, tuple[int, ...]]:
        package, size = codec.codec.package, (shown.picture.width, shown.picture.height)
        classes: dict[str, tuple[int, ...]] = {}
        for choice in self.plan.bridges:
            bridge = self.models.on_latents(choice, package)

            def through(bridge: OnBridge = bridge) -> Sequence[Classification]:
                return bridge.model.classify(codec.latents(shown.data), [size], top=TOP)[0]

            classes[choice.name] = self._kept(bridge.key, shown.coded, through)
        if self.plan.has_built_in:
            built_in = self._built_in = self._built_in or LatentClassifier(package)
            own = key(package.manifest.parts["classify"].sha256, source_key("shared_models.tasks.classifier"))
            classes[BUILT_IN] = self._kept(
                own, shown.coded, lambda: built_in.classify(codec.latents(shown.data), top=TOP)[0]
            )
        return classes

    def _on_pixels(self, shown: Shown) -> tuple[int, ...]:
        on_pixels = self.models.on_pixels
        return self._kept(
            on_pixels.key, shown.coded, lambda: on_pixels.model.classify([shown.decoded()], top=TOP)[0]
        )

    def _kept(
        self, classifier: str, coded: CodedPicture, look: Callable[[], Sequence[Classification]]
    ) -> tuple[int, ...]:
        """Look once; the cache remembers."""
        named_key = key("classes", classifier, coded.key, TOP)
        kept = self.coder.cache.get(named_key)
        if kept is None:
            kept = json.dumps([found.class_index for found in look()]).encode()
            self.coder.cache.put(named_key, kept)
        return tuple(json.loads(kept))
