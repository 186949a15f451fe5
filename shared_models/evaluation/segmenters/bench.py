"""The work behind a segmentation report: code pictures, segment them, count pixels. Runs in any process."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared_models.evaluation.bridge_choice import BridgeChoice, OnBridge
from shared_models.evaluation.cache import Cache, key, source_key
from shared_models.evaluation.coded_pictures import CodedPicture, Picture, code_picture
from shared_models.evaluation.peers.catalogue import CodecOptions
from shared_models.evaluation.peers.codec import PictureCodec
from shared_models.evaluation.peers.shelf import CodecShelf
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.picture_folder import PictureFolder
from shared_models.evaluation.pixel_choice import OnPixels, PixelChoice
from shared_models.evaluation.segmenters.class_map import ClassMap
from shared_models.evaluation.segmenters.confusion import ConfusionMatrix, LabelMap
from shared_models.evaluation.segmenters.label_files import SegmentedPicture, read_label_map
from shared_models.frames import Pixels


@dataclass(frozen=True, slots=True)
class SegmentationPlan:
    """What every process needs to know."""

    pictures: tuple[SegmentedPicture, ...]
    class_map: ClassMap
    side: int
    codecs: CodecOptions
    pixels: PixelChoice
    bridges: tuple[BridgeChoice, ...]
    cache: Path


@dataclass(frozen=True, slots=True)
class SegmentTask:
    """Code a picture with a codec at a quality, and let every segmenter that can look at it."""

    codec: str
    quality: float
    picture: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What one segmenter made of a picture."""

    confusion: ConfusionMatrix
    agreeing: int
    """Pixels with the class that the segmenter on pixels finds in the uncompressed picture."""


@dataclass(frozen=True, slots=True)
class Segmented:
    """What a picture cost, and what was found in it, by segmenter."""

    task: SegmentTask
    coded: CodedPicture
    pixels: int
    on_latents: bool
    counted: dict[str, Counted]


class SegmentationBench:
    """Pictures, codecs and segmenters of one process; each is loaded when it is first needed."""

    def __init__(self, plan: SegmentationPlan) -> None:
        """Take the plan."""
        self.plan = plan
        self.cache = Cache(plan.cache)
        self.folder = PictureFolder([picture.path for picture in plan.pictures], plan.side)
        self.codecs = CodecShelf(plan.codecs)
        self._bridges: dict[BridgeChoice, OnBridge] = {}

    def segment(self, task: SegmentTask) -> Segmented:
        """Do one task; raise InputError."""
        codec = self.codecs.take(task.codec)
        picture = self.folder.picture(task.picture)
        coded, data = code_picture(codec, picture, task.quality, self.cache)
        counted: dict[str, Counted] = {}
        if isinstance(codec, Slim):
            for choice in self.plan.bridges:
                bridge = self._bridge(choice, codec)
                look = partial(_look_at_latents, codec, bridge, data, picture)
                counted[choice.name] = self._count(bridge.key, coded, task.picture, look)
        else:
            look = partial(self._look_at_pixels, codec, data, picture)
            counted[self.plan.pixels.name] = self._count(self._on_pixels.key, coded, task.picture, look)
        area = picture.width * picture.height
        return Segmented(task, coded, area, isinstance(codec, Slim), counted)

    def _count(
        self, segmenter: str, coded: CodedPicture, picture: int, look: Callable[[], LabelMap]
    ) -> Counted:
        """Compare with the labels and with what is found in the uncompressed picture, once."""
        truth = self._truth(picture)
        counted_key = key(
            "confusion",
            segmenter,
            coded.key,
            self._on_pixels.key,
            self.plan.class_map.model_dump_json(),
            truth.tobytes(),
            source_key(ConfusionMatrix.__module__),
        )
        classes = self.plan.class_map.classes
        kept = self.cache.get(counted_key)
        if kept is None:
            found = look()
            confusion = ConfusionMatrix.of(classes, truth, self.plan.class_map.translate(found))
            agreeing = int(np.count_nonzero(found == self._reference(picture)))
            kept = json.dumps({"counts": confusion.counts.tolist(), "agreeing": agreeing}).encode()
            self.cache.put(counted_key, kept)
        counted = json.loads(kept)
        return Counted(
            ConfusionMatrix(classes, np.array(counted["counts"], np.int64)), int(counted["agreeing"])
        )

    def _truth(self, index: int) -> LabelMap:
        picture = self.folder.picture(index)
        return read_label_map(self.plan.pictures[index], (picture.width, picture.height))

    def _reference(self, index: int) -> LabelMap:
        """Return what the segmenter finds in the uncompressed picture; kept as a PNG."""
        picture = self.folder.picture(index)
        labels_key = key("labels", self._on_pixels.key, picture.digest)
        kept = self.cache.get(labels_key)
        if kept is None:
            file = io.BytesIO()
            Image.fromarray(self._segment(picture.load())).save(file, "PNG")
            kept = file.getvalue()
            self.cache.put(labels_key, kept)
        labels: LabelMap = np.asarray(Image.open(io.BytesIO(kept))).astype(np.uint16)
        return labels

    def _look_at_pixels(self, codec: PictureCodec, data: bytes, picture: Picture) -> LabelMap:
        return self._segment(codec.decode(data, picture.width, picture.height))

    def _segment(self, pixels: Pixels) -> NDArray[np.uint16]:
        return self._on_pixels.model.segment([pixels])[0]

    def _bridge(self, choice: BridgeChoice, codec: Slim) -> OnBridge:
        if choice not in self._bridges:
            self._bridges[choice] = choice.open(codec.codec.package)
        return self._bridges[choice]

    @cached_property
    def _on_pixels(self) -> OnPixels:
        return self.plan.pixels.open()


def _look_at_latents(codec: Slim, bridge: OnBridge, data: bytes, picture: Picture) -> LabelMap:
    return bridge.model.segment(codec.latents(data), [(picture.width, picture.height)])[0]
