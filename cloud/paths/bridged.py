"""Somebody else's detector, classifier or segmenter, through a bridge that was fitted to the latents."""

from collections.abc import Sequence
from typing import Final

from cloud.paths.path import DecodedFrame, Findings, LoadedModel, stack_latents
from shared_models.tasks.bridged import open_bridge
from shared_models.tasks.detection import SCORE_MIN_DISPLAY
from shared_models.tasks.ready_made import find_bridge
from shared_models.tasks.segmentation import Segmentation

_TOP: Final = 5


class BridgedPath:
    """A bridge under the name that the configuration gives it."""

    needs_enhancement = False
    makes_pictures = False

    def __init__(self, name: str, bridge: str, model: LoadedModel) -> None:
        """Load the bridge at a directory, or a ready-made one by name; raise InputError or ModelError."""
        self.name = name
        self._bridged = open_bridge(find_bridge(bridge), model.package.fingerprint, model.backend)
        self.model = f"{self._bridged.info.model}@{self._bridged.info.model_sha256[:16]}"

    def run(self, batch: Sequence[DecodedFrame]) -> Sequence[Findings]:
        """Do what the model does with each frame."""
        latents, sizes = stack_latents(batch), [frame.size for frame in batch]
        if self._bridged.task == "detect":
            detections = self._bridged.detect(latents, sizes, score_min=SCORE_MIN_DISPLAY)
            return [Findings(detections=found) for found in detections]
        if self._bridged.task == "classify":
            classes = self._bridged.classify(latents, sizes, top=_TOP)
            return [Findings(classifications=found) for found in classes]
        names = self._bridged.info.layout.class_names
        return [
            Findings(segmentation=Segmentation.of(labels, names))
            for labels in self._bridged.segment(latents, sizes)
        ]
