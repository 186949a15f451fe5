"""What a Hello must say, and what of it is accepted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from cloud.access import is_name, may_write
from cloud.rejects import RejectedError, RejectReason
from runtime.credentials import Grant
from slimstream.v1.ingest_pb2 import CameraHello, Hello

REVISION: Final = 1
"""Protocol revision of this build."""
INTEGER_MAX: Final = 2**63 - 1
"""Largest `seq` and `epoch`: databases store signed 64-bit integers."""
_BOOT_ID: Final = re.compile(r"[0-9a-f]{16}")
_SOFTWARE_CHARACTERS_MAX: Final = 200
_MODELS_MAX: Final = 16


class CameraEpoch(NamedTuple):
    """One life of a camera's ring: within it a `seq` names a frame."""

    camera: str
    epoch: int


@dataclass(frozen=True, slots=True)
class GreetedCamera:
    """One camera of a Hello; `refusal` says why nothing is accepted of it, and is empty if it is."""

    key: CameraEpoch
    accepted_models: tuple[bytes, ...]
    refusal: str
    why: RejectReason
    """What its frames are rejected as while it is refused."""
    held_first: int
    held_last: int
    """What the agent's ring still holds; `held_last` < `held_first` when it is empty."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """A Hello that was understood."""

    agent: str
    software: str
    boot_id: str
    cameras: tuple[GreetedCamera, ...]


def read_hello(hello: Hello, grant: Grant, models: Sequence[bytes], cameras_max: int) -> Greeting:
    """Check a Hello against who sent it and the models that are decoded here; raise RejectedError.

    A camera that cannot be accepted is refused alone; the others go on.
    """
    if not is_name(hello.agent):
        raise _invalid(f"the agent's name {hello.agent[:80]!r} is not 1 to 64 of A-Z a-z 0-9 . _ -")
    if hello.revision < 1:
        raise _invalid(
            f"protocol revision {hello.revision} is not known; this gateway speaks 1 to {REVISION}"
        )
    if not _BOOT_ID.fullmatch(hello.boot_id):
        raise _invalid(f"boot_id {hello.boot_id[:40]!r} is not 16 hex digits")
    if len(hello.software) > _SOFTWARE_CHARACTERS_MAX:
        raise _invalid(
            f"software has {len(hello.software)} characters and at most {_SOFTWARE_CHARACTERS_MAX} fit"
        )
    if not 1 <= len(hello.cameras) <= cameras_max:
        raise _invalid(
            f"an agent has 1 to {cameras_max} cameras here and this one names {len(hello.cameras)}"
        )
    if len({camera.camera for camera in hello.cameras}) < len(hello.cameras):
        raise _invalid("a camera is named twice")
    cameras = tuple(_read_camera(camera, grant, models) for camera in hello.cameras)
    return Greeting(hello.agent, hello.software, hello.boot_id, cameras)


def _read_camera(camera: CameraHello, grant: Grant, models: Sequence[bytes]) -> GreetedCamera:
    if not is_name(camera.camera):
        raise _invalid(f"the camera's name {camera.camera[:80]!r} is not 1 to 64 of A-Z a-z 0-9 . _ -")
    if not 1 <= camera.epoch <= INTEGER_MAX:
        raise _invalid(f"epoch {camera.epoch} of camera {camera.camera} is not between 1 and 2^63-1")
    if len(camera.model_fingerprints) > _MODELS_MAX:
        raise _invalid(
            f"camera {camera.camera} offers {len(camera.model_fingerprints)} models, more than {_MODELS_MAX}"
        )
    accepted = tuple(offered for offered in camera.model_fingerprints if offered in models)
    refusal, why = "", RejectReason.CAMERA_NOT_ALLOWED
    if not may_write(grant, camera.camera):
        refusal = (
            f"{grant.name} may not write camera {camera.camera}; the cloud's credentials say which it may"
        )
    elif not accepted:
        why = RejectReason.MODEL_NOT_ACCEPTED
        offered = ", ".join(fingerprint.hex() for fingerprint in camera.model_fingerprints) or "none"
        known = ", ".join(fingerprint.hex() for fingerprint in models) or "none"
        refusal = (
            f"no worker here decodes a model that camera {camera.camera} offers ({offered}); known: {known}"
        )
    is_held = camera.HasField("oldest_held_seq") and camera.HasField("newest_held_seq")
    held = (camera.oldest_held_seq, camera.newest_held_seq) if is_held else (1, 0)
    return GreetedCamera(CameraEpoch(camera.camera, camera.epoch), accepted, refusal, why, *held)


def _invalid(detail: str) -> RejectedError:
    return RejectedError(RejectReason.HELLO_INVALID, detail, is_fatal=True)
