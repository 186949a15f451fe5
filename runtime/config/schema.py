"""Looking into pydantic models: which keys a place in the configuration may hold, and which are secret."""

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from runtime.config.tree import Path


class ConfigSection(BaseModel):
    """A section of a configuration: frozen, no unknown keys; the text under each field is its description."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True
    )


def models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """Yield the models that a value of type `annotation` is or contains, without looking inside them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for argument in typing.get_args(annotation):
        yield from models_in(argument)


def fields_at(model: type[BaseModel], path: Path) -> dict[str, FieldInfo]:
    """Return the fields that the mapping at `path` may have; empty if it is no section."""
    annotations: list[Any] = [model]
    for step in path:
        annotations = [inner for annotation in annotations for inner in _inside(annotation, step)]
    fields: dict[str, FieldInfo] = {}
    for annotation in annotations:
        for found in _alternatives(annotation):
            if isinstance(found, type) and issubclass(found, BaseModel):
                fields.update(found.model_fields)
    return fields


def is_secret_field(field: FieldInfo) -> bool:
    """Say whether the field's values are pydantic secrets."""
    return any(found in (SecretStr, SecretBytes) for found in _alternatives(field.annotation))


def _alternatives(annotation: object) -> Iterator[Any]:
    """Yield the members of a union; the annotation itself if it is none."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for member in typing.get_args(annotation):
            yield from _alternatives(member)
    else:
        yield annotation


def _inside(annotation: object, step: str | int) -> Iterator[Any]:
    """Yield the types that a value of type `annotation` may hold at `step`."""
    for found in _alternatives(annotation):
        if isinstance(found, type) and issubclass(found, BaseModel):
            if (field := found.model_fields.get(str(step))) is not None:
                yield field.annotation
        elif isinstance(origin := typing.get_origin(found), type):
            arguments = typing.get_args(found)
            if issubclass(origin, Mapping) and len(arguments) == 2:
                yield arguments[1]
            elif issubclass(origin, Sequence) and arguments:
                yield arguments[0]
