"""Models of others that bridges are made for: which file a name stands for, and where a fetched one is.

The list is data (`third_party.json`). A name stands for one file, told by its SHA-256, because a bridge fits
only the file that it was fitted to. The files are their owners' and are never part of Slimstream.
"""

import hashlib
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, TypeAdapter

from shared_models.errors import PackageError
from shared_models.packages.manifest import PART_BYTES_MAX, Name
from shared_models.packages.registry import user_directories

MODEL_FILE: Final = "model.onnx"
"""What a fetched model is called in its own directory, whatever it was called where it came from."""
_LIST = Path(__file__).with_name("third_party.json")
_DIRECTORY: Final = "third-party"


class ThirdPartyModel(BaseModel):
    """One file of somebody else's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    task: Literal["detect", "classify", "segment"]
    file: Name
    """What it is called where it comes from."""
    url: HttpUrl | None
    """Where it can be fetched; None for a file that nobody publishes and that has to be imported."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, Field(ge=1, le=PART_BYTES_MAX)]
    licence: str
    source: str
    """Whose model it is and how the file was made."""
    note: str
    """What a user should know before relying on the name."""

    def matches(self, path: Path) -> bool:
        """Say whether `path` holds exactly this file; raise OSError."""
        return path.stat().st_size == self.size_bytes and sha256_of(path) == self.sha256


@cache
def third_party_models() -> Mapping[str, ThirdPartyModel]:
    """Return the known models by name."""
    models = TypeAdapter(list[ThirdPartyModel]).validate_json(_LIST.read_bytes())
    return {model.name: model for model in models}


def third_party_model(name: str) -> ThirdPartyModel:
    """Return one of the known models; raise PackageError that lists them."""
    models = third_party_models()
    if name not in models:
        raise PackageError(f"no third-party model is called {name!r}; known are {', '.join(models)}")
    return models[name]


def store_path(name: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Return where a fetched model is put: a directory of its own, in the first user directory of models."""
    return user_directories(environment)[0] / _DIRECTORY / name / MODEL_FILE


def fetched_model(name: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file of a model that was fetched, checked against its SHA-256.

    Raises:
        PackageError: the name is unknown, the model was not fetched, or the file is not the one it was.
    """
    model = third_party_model(name)
    for directory in user_directories(environment):
        path = directory / _DIRECTORY / name / MODEL_FILE
        if path.is_file():
            return _checked(model, path)
    raise PackageError(f"the third-party model {name} is not here; `{fetch_command(model)}` brings it")


def fetch_command(model: ThirdPartyModel) -> str:
    """Return what a user types to have `model`."""
    return f"slimstream models fetch {model.name}" + (" --model-file FILE" if model.url is None else "")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hex digits; raise OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _checked(model: ThirdPartyModel, path: Path) -> Path:
    try:
        is_whole = model.matches(path)
    except OSError as error:
        raise PackageError(f"{path} cannot be read: {error.strerror}") from None
    if not is_whole:
        raise PackageError(f"{path} is not the {model.name} it was; `{fetch_command(model)}` brings it again")
    return path
