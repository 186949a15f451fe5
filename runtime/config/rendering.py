"""Showing a configuration, and writing the reference of its schema."""

from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from runtime.config.schema import models_in
from runtime.config.units import UnitName, format_byte_size, format_duration
from runtime.secrets import MASK, is_secret_name, mask_url_passwords


def dump_config(config: BaseModel) -> str:
    """Return the configuration as YAML, defaults included and secrets masked."""
    plain = _masked(config.model_dump(mode="json"), "")
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, default_flow_style=False)


def schema_markdown(model: type[BaseModel], title: str) -> str:
    """Return the reference of `model`: a table for each section, in the order of the schema."""
    lines = [f"# {title}", ""]
    seen: set[type[BaseModel]] = set()
    for section, name in _sections(model, "", seen):
        lines += [f"## `{name}`" if name else "## Top level", ""]
        if description := (section.__doc__ or "").strip():
            lines += [_one_line(description), ""]
        lines += ["| Key | Type | Default | Bounds | Meaning |", "|---|---|---|---|---|"]
        lines += [_row(key, field) for key, field in section.model_fields.items()]
        lines.append("")
    return "\n".join(lines)


def _masked(value: object, name: str) -> object:
    if isinstance(value, dict):
        return {key: _masked(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, name) for inner in value]
    if value and is_secret_name(name):
        return MASK
    return mask_url_passwords(value) if isinstance(value, str) else value


def _sections(
    model: type[BaseModel], name: str, seen: set[type[BaseModel]]
) -> Iterator[tuple[type[BaseModel], str]]:
    if model in seen:
        return
    seen.add(model)
    yield model, name
    for key, field in model.model_fields.items():
        inner = list(models_in(field.annotation))
        for found in inner:
            is_many = get_origin(field.annotation) in (list, tuple, dict)
            path = f"{name}.{key}" if name else key
            suffix = "[]" if is_many else ""
            kind = f" ({found.__name__})" if len(inner) > 1 else ""
            yield from _sections(found, path + suffix + kind, seen)


def _row(key: str, field: FieldInfo) -> str:
    cells = (
        f"`{key}`",
        _type_name(field.annotation, field.metadata),
        _default(field),
        ", ".join(_bounds(field.metadata)) or "",
        _one_line(field.description or ""),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type_name(annotation: object, metadata: list[Any]) -> str:
    for mark in metadata:
        if isinstance(mark, UnitName):
            return mark.name
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_name(arguments[0], list(arguments[1:]))
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in arguments)
    if origin in (list, tuple):
        return f"list of {_type_name(arguments[0], [])}"
    if origin is dict:
        return f"mapping to {_type_name(arguments[1], [])}"
    if arguments:
        return " or ".join(_type_name(a, []) for a in arguments if a is not type(None))
    return _plain_type_name(annotation)


def _plain_type_name(annotation: object) -> str:
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f"`{choice.value}`" for choice in annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    names: dict[object, str] = {
        str: "text", int: "whole number", float: "number", bool: "`true` or `false`",
        SecretStr: "secret text", SecretBytes: "secret text",
    }  # fmt: skip
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)).lower())


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value is PydanticUndefined:
        return "none"
    if isinstance(value, BaseModel):
        return "see its section"
    units = [mark.name for mark in _unit_marks(field)]
    if "size" in units:
        return f"`{format_byte_size(value)}`"
    if "duration" in units:
        return f"`{format_duration(value)}`"
    if value in ("", [], {}, ()):
        return "empty"
    shown = value.value if isinstance(value, Enum) else value
    return f"`{str(shown).lower() if isinstance(shown, bool) else shown}`"


def _unit_marks(field: FieldInfo) -> Iterator[UnitName]:
    pending = [*field.metadata, *get_args(field.annotation)]
    while pending:
        mark = pending.pop()
        if isinstance(mark, UnitName):
            yield mark
        elif get_origin(mark) is Annotated:
            pending.extend(get_args(mark))


def _bounds(metadata: list[Any]) -> Iterator[str]:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "multiple_of": "multiple of",
             "min_length": "length ≥", "max_length": "length ≤"}  # fmt: skip
    for mark in metadata:
        for name, sign in signs.items():
            if (bound := getattr(mark, name, None)) is not None:
                yield f"{sign} {bound}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
