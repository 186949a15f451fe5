"""Which model packages this installation has: built in, and in the user's directories."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from shared_models.errors import PackageError
from shared_models.packages.manifest import MANIFEST_FILE
from shared_models.packages.package import ModelPackage
from shared_models.packages.writer import copy_package

DEFAULT_PACKAGE: Final = "slim-1"
MODELS_VARIABLE: Final = "SLIMSTREAM_MODELS"
"""Environment variable with directories of packages, separated as in PATH."""
_BUILTIN = Path(__file__).parent / "builtin"


def user_directories(environment: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Return the directories searched after the built-in one: SLIMSTREAM_MODELS, else the XDG data home."""
    listed = environment.get(MODELS_VARIABLE)
    if listed:
        return tuple(Path(item).expanduser() for item in listed.split(os.pathsep) if item)
    data_home = environment.get("XDG_DATA_HOME") or "~/.local/share"
    return (Path(data_home).expanduser() / "slimstream" / "models",)


def package_paths(environment: Mapping[str, str] = os.environ) -> Iterator[Path]:
    """Yield every directory and zip that looks like a package, built-in ones first, then by name."""
    for directory in (_BUILTIN, *user_directories(environment)):
        if directory.is_dir():
            for path in sorted(directory.iterdir()):
                if (path / MANIFEST_FILE).is_file() or path.suffix == ".zip":
                    yield path


def builtin_package(name: str = DEFAULT_PACKAGE) -> ModelPackage:
    """Open a package that is shipped inside Slimstream; raise PackageError if there is none of that name."""
    return ModelPackage.open(_BUILTIN / name)


def open_package(name_or_path: str, environment: Mapping[str, str] = os.environ) -> ModelPackage:
    """Open a package by path, or else by name among the installed ones; raise PackageError."""
    path = Path(name_or_path)
    if path.exists():
        return ModelPackage.open(path)
    for candidate in package_paths(environment):
        if name_or_path in (candidate.name, candidate.name.removesuffix(".zip")):
            return ModelPackage.open(candidate)
    known = ", ".join(path.name for path in package_paths(environment)) or "none"
    raise PackageError(f"there is no model package {name_or_path!r}; installed: {known}")


def import_package(source: Path, environment: Mapping[str, str] = os.environ) -> ModelPackage:
    """Check a package in full and copy it into the first user directory; raise PackageError.

    What is copied is the manifest and the parts it names, nothing else that may lie beside them.
    """
    package = ModelPackage.open(source)
    target = user_directories(environment)[0] / package.name
    if target.exists():
        raise PackageError(f"{target} is there already; remove it first to install another {package.name}")
    return copy_package(package, target)
