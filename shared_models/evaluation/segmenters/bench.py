"""The work behind a segmentation report: code pictures, segment them, count pixels. Runs in any process."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from shared_models.evaluation.bridge_choice import BridgeChoice, OnBridge
from shared_models.evaluation.cache import key, source_key
from shared_models.evaluation.coded_pictures import CodedPicture
from shared_models.evaluation.opened_models import OpenedModels
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.picture_coder import PictureCoder, PictureTask, Shown
from shared_models.evaluation.picture_folder import PictureFolder
from shared_models.evaluation.pixel_choice import PixelChoice
from shared_models.evaluation.point_cost import PictureCost
from shared_models.evaluation.segmenters.class_map import ClassMap
from shared_models.evaluation.segmenters.confusion import ConfusionMatrix, LabelMap
from shared_models.evaluation.segmenters.label_files import SegmentedPicture, read_label_map
from shared_models.evaluation.sweep import Sweep
from shared_models.frames import Pixels


@dataclass(frozen=True, slots=True)
class SegmentationPlan:
    """What every process needs to know."""

    pictures: tuple[SegmentedPicture, ...]
    class_map: ClassMap
    sweep: Sweep
    pixels: PixelChoice
    bridges: tuple[BridgeChoice, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """What one segmenter made of a picture."""

    confusion: ConfusionMatrix
    agreeing: int
    """Pixels with the class that the segmenter on pixels finds in the uncompressed picture."""


@dataclass(frozen=True, slots=True)
class Segmented:
    """What a picture cost, and what was found in it, by segmenter."""

    cost: PictureCost
    counted: dict[str, Counted]


class SegmentationBench:
    """Pictures, codecs and segmenters of one process; each is loaded when it is first needed."""

    def __init__(self, plan: SegmentationPlan) -> None:
        """Take the plan."""
        self.plan = plan
        self.coder = PictureCoder(
            PictureFolder([picture.path for picture in plan.pictures], plan.sweep.side), plan.sweep
        )
        self.models: OpenedModels[OnBridge] = OpenedModels(plan.pixels)

    def segment(self, task: PictureTask) -> Segmented:
        """Do one task; raise InputError."""
        shown = self.coder.code(task)
        counted: dict[str, Counted] = {}
        if isinstance(shown.codec, Slim):
            for choice in self.plan.bridges:
                bridge = self.models.on_latents(choice, shown.codec.codec.package)
                look = partial(_look_at_latents, shown.codec, bridge, shown)
                counted[choice.name] = self._count(bridge.key, shown.coded, task.picture, look)
        else:
            on_pixels = self.models.on_pixels.key
            counted[self.plan.pixels.name] = self._count(
                on_pixels, shown.coded, task.picture, lambda: self._segment(shown.decoded())
            )
        return Segmented(PictureCost.of(task, shown), counted)

    def _count(
        self, segmenter: str, coded: CodedPicture, picture: int, look: Callable[[], LabelMap]
    ) -> Counted:
        """Compare with the labels and with what is found in the uncompressed picture, once."""
        truth = self._truth(picture)
        counted_key = key(
            "confusion",
            segmenter,
            coded.key,
            self.models.on_pixels.key,
            self.plan.class_map.model_dump_json(),
            truth.tobytes(),
            source_key(ConfusionMatrix.__module__),
        )
        classes = self.plan.class_map.classes
        kept = self.coder.cache.get(counted_key)
        if kept is None:
            found = look()
            confusion = ConfusionMatrix.of(classes, truth, self.plan.class_map.translate(found))
            agreeing = int(np.count_nonzero(found == self._reference(picture)))
            kept = json.dumps({"counts": confusion.counts.tolist(), "agreeing": agreeing}).encode()
            self.coder.cache.put(counted_key, kept)
        counted = json.loads(kept)
        return Counted(
            ConfusionMatrix(classes, np.array(counted["counts"], np.int64)), int(counted["agreeing"])
        )

    def _truth(self, index: int) -> LabelMap:
        picture = self.coder.pictures.picture(index)
        return read_label_map(self.plan.pictures[index], (picture.width, picture.height))

    def _reference(self, index: int) -> LabelMap:
        """Return what the segmenter finds in the uncompressed picture; kept as a PNG."""
        picture = self.coder.pictures.picture(index)
        labels_key = key("labels", self.models.on_pixels.key, picture.digest)
        kept = self.coder.cache.get(labels_key)
        if kept is None:
            file = io.BytesIO()
            Image.fromarray(self._segment(picture.load())).save(file, "PNG")
            kept = file.getvalue()
            self.coder.cache.put(labels_key, kept)
        labels: LabelMap = np.asarray(Image.open(io.BytesIO(kept))).astype(np.uint16)
        return labels

    def _segment(self, pixels: Pixels) -> LabelMap:
        return self.models.on_pixels.model.segment([pixels])[0]


def _look_at_latents(codec: Slim, bridge: OnBridge, shown: Shown) -> LabelMap:
    size = shown.picture.width, shown.picture.height
    return bridge.model.segment(codec.latents(shown.data), [size])[0]
