"""Detect objects on latents with somebody else's detector, through a fitted bridge.

A bridge is a directory: `bridge.onnx` makes the features that the detector's front would have made,
`tail.onnx` is the rest of the detector, and `bridge.json` says what they are for.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from shared_models.codecs.backend import BackendOptions, Network
from shared_models.codecs.codec import Latents
from shared_models.errors import PackageError
from shared_models.packages.manifest import PART_BYTES_MAX
from shared_models.tasks.detection import SCORE_MIN_EVALUATION, detections_of
from shared_models.tasks.results import Detection

BRIDGE_FILE: Final = "bridge.json"


class BridgeInfo(BaseModel):
    """`bridge.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    task: Literal["detect"]
    model: str
    """The name of the model that was cut."""
    latents: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    """Fingerprint of the package whose latents the bridge was fitted on."""
    card: dict[str, JsonValue] = {}
    """For people: how it was fitted and what was measured."""


class BridgedDetector:
    """A bridge and the tail behind it. Safe across threads."""

    def __init__(self, directory: Path, fingerprint: bytes, backend: BackendOptions | None = None) -> None:
        """Load a bridge that was fitted to latents of the model `fingerprint`; raise ModelError."""
        self.info = read_info(directory)
        if self.info.latents != fingerprint.hex():
            raise PackageError(
                f"the bridge {directory} was fitted to latents of {self.info.latents} and these are of "
                f"{fingerprint.hex()}; fit it again"
            )
        options = backend or BackendOptions()
        self.bridge = Network(_read(directory / "bridge.onnx"), "bridge", options)
        self.tail = Network(_read(directory / "tail.onnx"), "tail", options)

    def detect(
        self,
        latents: Latents,
        sizes: Sequence[tuple[int, int]],
        *,
        score_min: float = SCORE_MIN_EVALUATION,
    ) -> list[list[Detection]]:
        """(B, C, h, w) latents of frames of `sizes` (width, height) -> their detections, best first.

        Raises ModelError if a network cannot run.
        """
        height, width = latents.shape[2:]
        # detectors go down to stride 32 and up again: an odd grid at stride 16 would not fit itself
        even = np.pad(latents, ((0, 0), (0, 0), (0, height % 2), (0, width % 2)), mode="edge")
        features = self.bridge.run(even)
        return detections_of(self.tail.run(*features), sizes, score_min)


def read_info(directory: Path) -> BridgeInfo:
    """Read `bridge.json`; raise PackageError."""
    path = directory / BRIDGE_FILE
    try:
        return BridgeInfo.model_validate_json(_read(path))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the document"
        raise PackageError(f"{path} does not describe a bridge: {key}: {first['msg']}") from None


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > PART_BYTES_MAX:
            raise PackageError(f"{path} has more than {PART_BYTES_MAX} bytes; a bridge is far smaller")
        return path.read_bytes()
    except OSError as error:
        raise PackageError(f"{path} cannot be read: {error.strerror}; a bridge needs it") from None
