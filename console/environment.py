"""What libraries read from the environment when they are imported, settled before any of them is."""

import atexit
import os
import shutil
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

import shared_models


def settle(environment: MutableMapping[str, str], places: tuple[Path, ...] | None = None) -> None:
    """Keep ONNX Runtime from reporting usage, and give compiled code a place; what the user set stays.

    `places` are where numba keeps compiled code by itself. Where it may write to none of them, and would
    refuse to compile, it gets a directory that lasts as long as this process: a lasting one that others can
    write to would let them run code here.
    """
    environment.setdefault("ORT_DISABLE_TELEMETRY", "1")
    if "NUMBA_CACHE_DIR" in environment or any(map(_is_writable, places or cache_places(environment))):
        return
    directory = tempfile.mkdtemp(prefix="slimstream-numba-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    environment["NUMBA_CACHE_DIR"] = directory


def cache_places(environment: MutableMapping[str, str]) -> tuple[Path, ...]:
    """Return numba's choices: beside the source, else in the user's cache."""
    source = Path(next(iter(shared_models.__path__))) / "entropy" / "__pycache__"
    home = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME") or "/nonexistent") / ".cache"
    return source, Path(home)


def _is_writable(directory: Path) -> bool:
    """Say whether files can be made in a directory, which may have to be made first."""
    existing = next(place for place in (directory, *directory.parents) if place.exists())
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
