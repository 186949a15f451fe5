"""What a bridge directory holds and says of itself, in format 2.

`bridge.onnx` makes, from framed latents, the features at which somebody's model was cut; `pad.npz` holds what
the model's front makes of nothing but padding; `tail.onnx` is the rest of the model; `bridge.json` says how
they belong together. A ready-made bridge comes without the tail: it is cut from the model that the user has.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from shared_models.errors import PackageError
from shared_models.packages.manifest import PART_BYTES_MAX
from shared_models.tasks.input_convention import InputConvention
from shared_models.tasks.layouts.recognition import AnyLayout

BRIDGE_FILE: Final = "bridge.json"
NETWORK_FILE: Final = "bridge.onnx"
PAD_FILE: Final = "pad.npz"
TAIL_FILE: Final = "tail.onnx"
FORMAT: Final = 2
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class CutTensor(BaseModel):
    """A tensor at which the model was cut."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    stride: Annotated[int, Field(ge=1, le=64)]
    """Pixels of the canvas to one cell."""
    channels: Annotated[int, Field(ge=1, le=65536)]


class BridgeInfo(BaseModel):
    """`bridge.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[2] = FORMAT
    task: Literal["detect", "classify", "segment"]
    model: str
    """The name of the model that was cut."""
    model_sha256: Sha256
    latents: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    """Fingerprint of the package whose latents the bridge was fitted on."""
    convention: InputConvention
    """How the model wants its pictures, and so where features go."""
    layout: AnyLayout
    """How its outputs are read."""
    cut: Annotated[tuple[CutTensor, ...], Field(min_length=1)]
    canvas_multiple: Annotated[int, Field(ge=1, le=256)] | None = None
    """The tail takes any canvas whose sides are multiples of this; None where only the model's own."""
    long_side_px: Annotated[int, Field(ge=16, le=4096)]
    """Long side of the pictures that the bridge was fitted on: what it is best at."""
    card: dict[str, JsonValue] = {}
    """For people: how it was fitted and what was measured."""

    @property
    def tail_key(self) -> str:
        """Tell tails apart: the same model cut at the same tensors gives the same key."""
        names = "\n".join([self.model_sha256, *(tensor.name for tensor in self.cut)])
        return hashlib.sha256(names.encode()).hexdigest()[:16]


def read_info(directory: Path) -> BridgeInfo:
    """Read `bridge.json`; raise PackageError."""
    path = directory / BRIDGE_FILE
    document = read_part(path)
    try:
        return BridgeInfo.model_validate_json(document)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the document"
        if first["loc"] == ("format",):
            raise PackageError(
                f"{path} is of another format than {FORMAT}, the only one read here; fit the bridge again"
            ) from None
        raise PackageError(f"{path} does not describe a bridge: {key}: {first['msg']}") from None


def read_part(path: Path) -> bytes:
    """Read a file of a bridge whole; raise PackageError."""
    try:
        if path.stat().st_size > PART_BYTES_MAX:
            raise PackageError(f"{path} has more than {PART_BYTES_MAX} bytes; a bridge is far smaller")
        return path.read_bytes()
    except OSError as error:
        raise PackageError(f"{path} cannot be read: {error.strerror}; a bridge needs it") from None
