"""What can find objects on latents: a bridge into somebody's detector, or the built-in one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from shared_models.codecs.backend import BackendOptions
from shared_models.codecs.codec import Latents
from shared_models.evaluation.bridge_choice import BridgeChoice
from shared_models.evaluation.cache import key, source_key
from shared_models.evaluation.pixel_choice import READING_CODE
from shared_models.packages.package import ModelPackage
from shared_models.tasks.detection import SCORE_MIN_EVALUATION
from shared_models.tasks.detector import LatentDetector
from shared_models.tasks.results import Detection

BUILT_IN: Final = "built-in"


class LatentsDetector(Protocol):
    """What finds objects on latents."""

    def detect(
        self, latents: Latents, sizes: Sequence[tuple[int, int]], *, score_min: float
    ) -> list[list[Detection]]:
        """Return the detections of each frame, best first."""
        ...


@dataclass(frozen=True, slots=True)
class LatentsChoice:
    """A detector on latents by where it comes from."""

    source: str
    """A bridge's directory or the name of a ready-made one, or BUILT_IN."""

    @property
    def name(self) -> str:
        """`built-in`, or the bridge's directory."""
        return BUILT_IN if self.source == BUILT_IN else BridgeChoice(self.source, "detect").name

    def open(self, package: ModelPackage) -> "OnLatents":
        """Load it; raise InputError or ModelError."""
        if self.source == BUILT_IN:
            network = LatentDetector(package, BackendOptions())
            return OnLatents(network, key(package.manifest.parts["detect"].sha256, source_key(*READING_CODE)))
        bridge = BridgeChoice(self.source, "detect").open(package)
        return OnLatents(bridge.model, bridge.key)


def find_detectors(
    bridges: Sequence[str], package: ModelPackage | None
) -> tuple[tuple[LatentsChoice, ...], dict[str, str]]:
    """Return what can look at latents of a package, opened once to be sure, and what is missing.

    Bridges come first; a package without a detector of its own is missing one, and without a package there
    is nothing to look at. Raises InputError or ModelError.
    """
    if package is None:
        return (), {}
    choices = [LatentsChoice(source) for source in bridges]
    missing: dict[str, str] = {}
    if "detect" in package.manifest.parts:
        choices.append(LatentsChoice(BUILT_IN))
    else:
        missing[BUILT_IN] = f"the model package {package.name} has no detector of its own"
    for choice in choices:
        choice.open(package)
    return tuple(choices), missing


@dataclass(frozen=True, slots=True)
class OnLatents:
    """A detector on latents, ready to run on one thread."""

    network: LatentsDetector
    key: str
    """Changes with everything that decides its detections."""

    def detect(self, latents: Latents, width: int, height: int) -> list[Detection]:
        """Find objects in a picture by its latents (1, C, h, w), best first."""
        return self.network.detect(latents, [(width, height)], score_min=SCORE_MIN_EVALUATION)[0]
