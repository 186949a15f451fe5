"""Classify pictures by their latents, with the classifier that is part of a model package."""

import json

from shared_models.codecs.backend import BackendOptions, Network
from shared_models.codecs.codec import Latents
from shared_models.errors import PackageError
from shared_models.packages.package import ModelPackage
from shared_models.tasks.classification import softmax, top_classes
from shared_models.tasks.results import Classification

LABELS_PART = "imagenet"


class LatentClassifier:
    """The built-in classifier: latents in, classes of ImageNet out. Safe across threads."""

    def __init__(self, package: ModelPackage, backend: BackendOptions | None = None) -> None:
        """Load the package's `classify` network and its labels; raise ModelError."""
        self.network = Network(package.read("classify"), "classify", backend or BackendOptions())
        self.labels = read_labels(package)

    def classify(self, latents: Latents, *, top: int = 5) -> list[list[Classification]]:
        """(B, C, h, w) latents -> the `top` most probable classes of each; raise ModelError."""
        (logits,) = self.network.run(latents)
        return top_classes(softmax(logits), self.labels, top)


def read_labels(package: ModelPackage) -> tuple[str, ...]:
    """Return the names of the package's classes by index; raise PackageError."""
    try:
        labels = json.loads(package.read(LABELS_PART))
    except ValueError:
        labels = None
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise PackageError(f"the part {LABELS_PART!r} of {package.path} is not a list of names")
    return tuple(labels)
