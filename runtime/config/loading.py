"""From a YAML file, the environment and flags to one checked, frozen configuration."""

import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from runtime.config.schema import fields_at, is_secret_field
from runtime.config.tree import ConfigTree, Path, Value, describe_path
from runtime.config.yaml_source import parse_value, read_yaml
from runtime.secrets import MASK, is_secret_name, mask_url_passwords
from shared_models.errors import ConfigError

ERRORS_SHOWN_MAX: Final = 10

_NESTING: Final = "__"
_TAG_ERRORS: Final = ("union_tag_invalid", "union_tag_not_found")
_SECTION_ERRORS: Final = ("model_type", "model_attributes_type", "dict_type")
_VALUE_CHARACTERS_MAX: Final = 80

ModelT = TypeVar("ModelT", bound=BaseModel)


def load_config(
    model: type[ModelT],
    path: FilePath | None,
    *,
    env_prefix: str,
    overrides: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> ModelT:
    """Return the configuration: the file, overridden by the environment, overridden by flags.

    Args:
        model: what the configuration must look like; see ConfigSection.
        path: a YAML file, or None to start from the defaults.
        env_prefix: `SLIMSTREAM_EDGE` lets SLIMSTREAM_EDGE__RING__BUDGET_BYTES=1GiB set ring.budget_bytes.
        overrides: flags such as `ring.budget_bytes=1GiB`; lists and mappings in YAML's flow style.
        environment: the process's own by default.

    Raises:
        ConfigError: one line for each thing that is wrong: place, key, value and remedy.
    """
    tree = ConfigTree() if path is None else read_yaml(path)
    apply_environment(tree, env_prefix, os.environ if environment is None else environment)
    for override in overrides:
        apply_override(tree, override)
    try:
        return model.model_validate(tree.root)
    except ValidationError as error:
        details = error.errors(include_url=False)
        lines = [_describe(detail, tree, model) for detail in details]
        # A union reports the same key once for each alternative.
        lines = list(dict.fromkeys(lines))
        hidden = len(lines) - ERRORS_SHOWN_MAX
        more = [f"and {hidden} more"] if hidden > 0 else []
        raise ConfigError("\n".join(lines[:ERRORS_SHOWN_MAX] + more)) from None


def apply_environment(tree: ConfigTree, prefix: str, environment: Mapping[str, str]) -> None:
    """Set what variables named `<prefix>__SECTION__KEY` say; raise ConfigError."""
    start = prefix.removesuffix(_NESTING) + _NESTING
    for variable in sorted(environment):
        if not variable.startswith(start):
            continue
        names = variable.removeprefix(start).split(_NESTING)
        if not all(names):
            raise ConfigError(f"the environment variable {variable} names no key; write {start}SECTION__KEY")
        origin = f"environment variable {variable}"
        try:
            tree.set(names, _parse(environment[variable], origin), origin, any_case=True)
        except ValueError as error:
            raise ConfigError(f"{origin}: {error}") from error


def apply_override(tree: ConfigTree, override: str) -> None:
    """Set what a flag such as `ring.budget_bytes=1GiB` says; raise ConfigError."""
    key, equals, text = override.partition("=")
    names = key.strip().split(".")
    if not equals or not all(names):
        raise ConfigError(f"--set {override}: write it as key.path=value, e.g. ring.budget_bytes=1GiB")
    origin = f"--set {key.strip()}"
    try:
        tree.set(names, _parse(text, origin), origin)
    except ValueError as error:
        raise ConfigError(f"{origin}: {error}") from error


def _parse(text: str, origin: str) -> Value:
    """Return a list or mapping where `text` is written as one; else the text, for the schema to read.

    A scalar stays text because only the schema knows whether `0123` is a number or a password.
    """
    if text.strip() == "null":
        return None
    return parse_value(text, origin) if text.lstrip().startswith(("[", "{")) else text


def _describe(detail: ErrorDetails, tree: ConfigTree, model: type[BaseModel]) -> str:
    """Return one line on one thing that is wrong."""
    path = _written_path(tree, detail["loc"])
    value = detail["input"]
    context = detail.get("ctx", {})
    if detail["type"] in _TAG_ERRORS:  # pydantic blames the section, but it is one key in it that is wrong
        path = (*path, str(context["discriminator"]).strip("'"))
        value = context.get("tag")
    key = describe_path(path) or "the configuration"
    origin = tree.origin_of(path)
    place = f"{origin}: " if origin else ""
    if detail["type"] == "extra_forbidden":
        return f"{place}unknown key {key}; {_suggestion(model, path)}"
    if detail["type"] in ("missing", "union_tag_not_found"):
        return f"{place}{key} is missing; add it"
    shown = _shown(value, path, model)
    field = _field_at(model, path)
    if detail["type"] == "string_pattern_mismatch" and field is not None and field.examples:
        return mask_url_passwords(f"{place}{key} is {shown}; write it like {field.examples[0]}")
    return mask_url_passwords(f"{place}{key} is {shown}; {_remedy(detail)}")


def _written_path(tree: ConfigTree, location: tuple[int | str, ...]) -> Path:
    """Return pydantic's location without the names of union members, which nobody has written."""
    path: Path = ()
    for position, step in enumerate(location):
        is_last = position == len(location) - 1
        try:
            tree.value_at((*path, step))
        except KeyError:
            is_missing_key = is_last and isinstance(step, str) and _holds_mapping(tree, path)
            if not is_missing_key:
                continue
        path = (*path, step)
    return path


def _holds_mapping(tree: ConfigTree, path: Path) -> bool:
    return isinstance(tree.value_at(path), dict)


def _suggestion(model: type[BaseModel], path: Path) -> str:
    known = sorted(fields_at(model, path[:-1]))
    close = difflib.get_close_matches(str(path[-1]), known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"known here: {', '.join(known)}" if known else "remove it"


def _field_at(model: type[BaseModel], path: Path) -> FieldInfo | None:
    names = [step for step in path if isinstance(step, str)]
    return fields_at(model, path[:-1]).get(names[-1]) if names else None


def _shown(value: object, path: Path, model: type[BaseModel]) -> str:
    """Return the value as the message shows it; never a secret."""
    names = [step for step in path if isinstance(step, str)]
    field = _field_at(model, path)
    if (field is not None and is_secret_field(field)) or any(map(is_secret_name, names)):
        return MASK
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = "empty" if value is None else repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _VALUE_CHARACTERS_MAX else text[:_VALUE_CHARACTERS_MAX] + "…"


def _remedy(detail: ErrorDetails) -> str:
    """Turn pydantic's message into what to do."""
    if detail["type"] in _SECTION_ERRORS:
        return "it should be a section, with keys of its own"
    if detail["type"] == "union_tag_invalid":
        return f"it should be one of {detail['ctx']['expected_tags']}"
    text = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if text.startswith("Input should be "):
        text = "it should be " + text.removeprefix("Input should be ").partition(", unable to parse")[0]
    return text
