"""The likeliest of ImageNet's 1,000 classes, from latents alone."""

from collections.abc import Sequence
from typing import Final

from cloud.paths.path import DecodedFrame, Findings, LoadedModel, model_name, stack_latents
from shared_models.tasks.classifier import LatentClassifier

_TOP: Final = 5


class ClassifyPath:
    """The package's built-in classifier."""

    name = "classify"
    needs_enhancement = False
    makes_pictures = False

    def __init__(self, model: LoadedModel) -> None:
        """Load the classifier; raise ModelError if the package has none."""
        self.model = model_name(model, "classify")
        self._classifier = LatentClassifier(model.package, model.backend)

    def run(self, batch: Sequence[DecodedFrame]) -> Sequence[Findings]:
        """Name the five likeliest classes of each frame."""
        found = self._classifier.classify(stack_latents(batch), top=_TOP)
        return [Findings(classifications=classifications) for classifications in found]
