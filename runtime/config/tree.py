"""Configuration as plain values that remember where each of them was written."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"
Container: TypeAlias = "list[Value] | dict[str, Value]"

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the top of the configuration."""


@dataclass(slots=True)
class ConfigTree:
    """Nested dicts and lists, and for each path the place it came from, e.g. `edge.yaml:12`."""

    root: dict[str, Value] = field(default_factory=dict)
    origins: dict[Path, str] = field(default_factory=dict)

    def origin_of(self, path: Path) -> str | None:
        """Return where `path`, or else the nearest part around it, was written."""
        for length in range(len(path), -1, -1):
            if (origin := self.origins.get(path[:length])) is not None:
                return origin
        return None

    def value_at(self, path: Path) -> Value:
        """Return the value at `path`; raise KeyError if there is none."""
        value: Value = self.root
        for step in path:
            if isinstance(value, dict) and step in value:
                value = value[str(step)]
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                raise KeyError(path)
        return value

    def set(self, names: list[str], value: Value, origin: str, *, any_case: bool = False) -> None:
        """Put `value` at the path that `names` spell, through existing dicts and lists.

        A number names a list position: an existing one, or the next. With `any_case`, names find existing
        keys whatever their case, because environment variables are written in capitals.

        Raises:
            ValueError: the path leads through a value that is neither dict nor list, or past a list's end.
        """
        here: Any = self.root  # narrowed by _step, which refuses what is no container
        path: Path = ()
        for position, name in enumerate(names):
            step = _step(here, name, any_case=any_case)
            path = (*path, step)
            if position == len(names) - 1:
                self._forget_below(path)
                _put(here, step, value)
                self.origins[path] = origin
                return
            if _lacks(here, step):
                _put(here, step, [] if names[position + 1] == "0" else {})
                self.origins.setdefault(path, origin)
            here = here[step]

    def _forget_below(self, path: Path) -> None:
        for known in [p for p in self.origins if p[: len(path)] == path]:
            del self.origins[known]


def describe_path(path: Path) -> str:
    """Return `cameras[2].url` for ("cameras", 2, "url")."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _step(here: Value, name: str, *, any_case: bool) -> str | int:
    if isinstance(here, list):
        if not name.isdecimal() or int(name) > len(here):
            raise ValueError(f"{name!r} is no position in a list of {len(here)}")
        return int(name)
    if not isinstance(here, dict):
        raise ValueError(f"{name!r} cannot be set inside the value {here!r}")  # noqa: TRY004
    if any_case:
        return next((key for key in here if key.lower() == name.lower()), name.lower())
    return name


def _lacks(here: Container, step: str | int) -> bool:
    """Say whether there is nothing at `step`; an empty YAML section (`ring:`) counts as nothing."""
    if isinstance(here, list):
        return step == len(here)
    return here.get(str(step)) is None


def _put(here: Container, step: str | int, value: Value) -> None:
    if isinstance(here, dict):
        here[str(step)] = value
    elif step == len(here):
        here.append(value)
    else:
        here[int(step)] = value
