"""Reading YAML into a ConfigTree, by the rules of YAML 1.2's core schema.

YAML 1.1, which PyYAML speaks by itself, reads `no` as false, `12:30` as 750 and `010` as 8, which is
not what people mean who write names and times.
"""

import re
from pathlib import Path as FilePath
from typing import Final

import yaml

from runtime.config.tree import ConfigTree, Path, Value
from shared_models.errors import ConfigError

FILE_BYTES_MAX: Final = 4 << 20
NODES_MAX: Final = 50_000
"""A few hundred cameras take some ten thousand; aliases of aliases reach any number."""


_TAG: Final = "tag:yaml.org,2002:"
_SCALARS: Final = tuple(
    (_TAG + tag, re.compile(rf"(?:{pattern})\Z"), first)
    for tag, pattern, first in (
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
        ("int", r"[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+", [*"-+0123456789"]),
        ("float", r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?", [*"-+.0123456789"]),
        ("float", r"[-+]?[0-9]+[eE][-+]?[0-9]+", [*"-+0123456789"]),
    )
)


class _CoreSchemaLoader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2's core schema and no others."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
        for tag, pattern, first in _SCALARS:
            for character in first:
                self.yaml_implicit_resolvers.setdefault(character, []).append((tag, pattern))


def read_yaml(path: FilePath) -> ConfigTree:
    """Read the file at `path`; every value remembers its line.

    Raises:
        ConfigError: the file cannot be read, is not YAML, or repeats a key.
    """
    try:
        data = path.read_bytes()[: FILE_BYTES_MAX + 1]
        text = data.decode()
    except OSError as error:
        raise ConfigError(
            f"cannot read the configuration {path}: {error.strerror}; check --config"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError(
            f"{path} is larger than {FILE_BYTES_MAX} bytes; that is no configuration; check --config"
        )
    return parse_yaml(text, str(path))


def parse_yaml(text: str, name: str) -> ConfigTree:
    """Parse a whole configuration; `name` is what errors call it.

    Raises:
        ConfigError: as `read_yaml`.
    """
    value, origins = _Reader(name).read(text)
    if value is None:
        return ConfigTree()
    if not isinstance(value, dict):
        raise ConfigError(
            f"{name}: a configuration is a mapping, not {type(value).__name__}; write lines of key: value"
        )
    return ConfigTree(value, origins)


def parse_value(text: str, name: str) -> Value:
    """Parse one value from a flag or the environment; `name` is what errors call it."""
    return _Reader(name).read(text)[0]


class _Reader:
    """Turns YAML nodes into values and notes their lines."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._origins: dict[Path, str] = {}
        self._nodes = 0
        self._loader = _CoreSchemaLoader("")

    def read(self, text: str) -> tuple[Value, dict[Path, str]]:
        try:
            self._loader = _CoreSchemaLoader(text)
            node = self._loader.get_single_node()
            return (None if node is None else self._value(node, ())), self._origins
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = "" if mark is None else f":{mark.line + 1}"
            raise ConfigError(f"{self._name}{line}: not valid YAML: {error.problem}") from error
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise ConfigError(f"{self._name}: not valid YAML: {error}") from error

    def _value(self, node: yaml.Node, path: Path) -> Value:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise ConfigError(f"{self._name}: more than {NODES_MAX} values; are aliases repeated in aliases?")
        self._origins.setdefault(path, f"{self._name}:{node.start_mark.line + 1}")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(child, (*path, i)) for i, child in enumerate(node.value)]
        scalar: Value = self._loader.construct_object(node)
        return scalar

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for key_node, value_node in node.value:
            place = f"{self._name}:{key_node.start_mark.line + 1}"
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConfigError(f"{place}: a key must be a plain word; write one, no list or mapping")
            key = str(key_node.value)
            if key in values:
                raise ConfigError(f"{place}: the key {key!r} is given twice; keep one")
            self._origins[(*path, key)] = place
            values[key] = self._value(value_node, (*path, key))
        return values
