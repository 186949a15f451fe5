"""Boxes and classes of COCO, from latents alone."""

from collections.abc import Sequence
from typing import Final

from cloud.paths.path import DecodedFrame, Findings, LoadedModel, model_name, stack_latents
from shared_models.tasks.detector import LatentDetector

SCORE_MIN: Final = 0.3
"""Below this a box is more often wrong than right, and every subscriber would filter it out."""


class DetectPath:
    """The package's built-in detector."""

    name = "detect"
    needs_enhancement = False
    makes_pictures = False

    def __init__(self, model: LoadedModel) -> None:
        """Load the detector; raise ModelError if the package has none."""
        self.model = model_name(model, "detect")
        self._detector = LatentDetector(model.package, model.backend)

    def run(self, batch: Sequence[DecodedFrame]) -> Sequence[Findings]:
        """Find objects in each frame."""
        sizes = [frame.size for frame in batch]
        found = self._detector.detect(stack_latents(batch), sizes, score_min=SCORE_MIN)
        return [Findings(detections=detections) for detections in found]
