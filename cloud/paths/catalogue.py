"""Which paths there are: the built-in ones, and those that installed packages name as entry points."""

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Final, TypeAlias

from cloud.paths.classify import ClassifyPath
from cloud.paths.detect import DetectPath
from cloud.paths.path import LoadedModel, Path
from cloud.paths.preview import PreviewPath
from cloud.paths.reconstruct import ReconstructPath
from shared_models.errors import ConfigError

PathFactory: TypeAlias = Callable[[LoadedModel], Path]
ENTRY_POINTS: Final = "slimstream.paths"

_BUILT_IN: Final[dict[str, PathFactory]] = {
    path.name: path for path in (DetectPath, ClassifyPath, PreviewPath, ReconstructPath)
}


def path_factory(name: str) -> PathFactory:
    """Return what makes the path `name`; raise ConfigError if there is none.

    Built-in paths are found without an installation; an entry point of another name adds to them.
    """
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    for point in entry_points(group=ENTRY_POINTS, name=name):
        try:
            factory: PathFactory = point.load()
        except (ImportError, AttributeError) as error:
            raise ConfigError(f"path {name!r} of {point.value} cannot be loaded: {error}") from error
        return factory
    raise ConfigError(f"there is no path {name!r}; installed: {', '.join(path_names())}")


def path_names() -> list[str]:
    """Return the names of all installed paths."""
    return sorted({*_BUILT_IN, *(point.name for point in entry_points(group=ENTRY_POINTS))})
