"""Which paths there are: the built-in ones, and those that installed packages name as entry points."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Final, TypeAlias

from cloud.paths.bridged import BridgedPath
from cloud.paths.classify import ClassifyPath
from cloud.paths.detect import DetectPath
from cloud.paths.path import LoadedModel, Path
from cloud.paths.preview import PreviewPath
from cloud.paths.reconstruct import ReconstructPath
from shared_models.errors import ConfigError

PathFactory: TypeAlias = Callable[[LoadedModel], Path]
ENTRY_POINTS: Final = "slimstream.paths"
NO_BRIDGES: Final[Mapping[str, str]] = MappingProxyType({})

_BUILT_IN: Final[dict[str, PathFactory]] = {
    path.name: path for path in (DetectPath, ClassifyPath, PreviewPath, ReconstructPath)
}


def path_factory(name: str, bridges: Mapping[str, str] = NO_BRIDGES) -> PathFactory:
    """Return what makes the path `name`; raise ConfigError if there is none.

    `bridges` are the configured ones: directory or ready-made name, by path. Built-in paths are found without
    an installation; an entry point of another name adds to them.
    """
    if name in bridges:
        return partial(BridgedPath, name, bridges[name])
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    for point in entry_points(group=ENTRY_POINTS, name=name):
        try:
            factory: PathFactory = point.load()
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"path {name!r} of {point.value} cannot be loaded: {error}; reinstall it or leave it out"
            ) from error
        return factory
    known = ", ".join([*path_names(), *sorted(bridges)])
    raise ConfigError(f"there is no path {name!r}; there are: {known}. worker.bridges gives a bridge a name")


def path_names() -> list[str]:
    """Return the names of all installed paths."""
    return sorted({*_BUILT_IN, *(point.name for point in entry_points(group=ENTRY_POINTS))})
