"""What `model.json` says, checked key by key."""

import re
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from shared_models.errors import PackageError

FORMAT: Final = 1
MANIFEST_FILE: Final = "model.json"
MANIFEST_BYTES_MAX: Final = 2**20
PARTS_MAX: Final = 64
PART_BYTES_MAX: Final = 2**28
"""256 MiB: ten times the whole built-in package, far below what would trouble a small device's memory."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
"""Names of packages, parts and files: plain, lower case, no separators, so that no path can be spelled."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class PartInfo(_Section):
    """One file of the package."""

    file: Name
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, Field(ge=0, le=PART_BYTES_MAX)]
    is_decoding: bool
    """Whether bits become latents through this part, so that the fingerprint depends on it."""


class FrameLimits(_Section):
    """Sides of the pictures that the model accepts, in pixels."""

    side_px_min: Annotated[int, Field(ge=1, le=65535)]
    side_px_max: Annotated[int, Field(ge=1, le=65535)]


class Manifest(_Section):
    """`model.json`: family, configuration, fingerprint, limits, parts and card."""

    format: Annotated[int, Field(ge=FORMAT, le=FORMAT)]
    name: Name
    family: Name
    fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    config: dict[str, JsonValue]
    """The family's configuration of everything that affects decoding; part of the fingerprint."""
    runtime: dict[str, JsonValue]
    """The family's configuration of the rest: widths, default quality, task heads."""
    limits: FrameLimits
    parts: Annotated[dict[Name, PartInfo], Field(max_length=PARTS_MAX)]
    card: dict[str, JsonValue]
    """For people: data, recipe, licence, measured figures."""

    @model_validator(mode="after")
    def _files_are_distinct(self) -> "Manifest":
        files = [part.file for part in self.parts.values()]
        if len(set(files)) < len(files) or MANIFEST_FILE in files:
            raise ValueError("two parts share a file, or one claims model.json")
        return self


def parse_manifest(data: bytes, where: str) -> Manifest:
    """Read the bytes of `model.json`; raise PackageError that names `where` and the first wrong key."""
    if len(data) > MANIFEST_BYTES_MAX:
        raise PackageError(f"{where} has {len(data)} bytes; a manifest has at most {MANIFEST_BYTES_MAX}")
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the document"
        reason = re.sub(r"\s+", " ", first["msg"])
        raise PackageError(f"{where} is not a model manifest: {key}: {reason}") from None
