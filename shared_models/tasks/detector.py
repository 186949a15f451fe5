"""Detect objects on latents, with the detector that is part of a model package."""

from collections.abc import Sequence

from shared_models.codecs.backend import BackendOptions, Network
from shared_models.codecs.codec import Latents
from shared_models.packages.package import ModelPackage
from shared_models.tasks.detection import SCORE_MIN_EVALUATION, detections_of
from shared_models.tasks.results import Detection


class LatentDetector:
    """The built-in detector: latents in, boxes in pixels of the coded frame out. Safe across threads."""

    def __init__(self, package: ModelPackage, backend: BackendOptions | None = None) -> None:
        """Load the package's `detect` network; raise ModelError."""
        self.network = Network(package.read("detect"), "detect", backend or BackendOptions())

    def detect(
        self,
        latents: Latents,
        sizes: Sequence[tuple[int, int]],
        *,
        score_min: float = SCORE_MIN_EVALUATION,
    ) -> list[list[Detection]]:
        """(B, C, h, w) latents of frames of `sizes` (width, height) -> their detections, best first.

        Raises ModelError if the network cannot run.
        """
        return detections_of(self.network.run(latents), sizes, score_min)
