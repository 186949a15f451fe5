"""Which files a command works on and writes, and what is in them."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from rich.console import Console
from rich.progress import track

from shared_models.errors import InputError

SLIM_SUFFIX: Final = ".slim"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NamedOutput:
    """An input, and the file that is made of it."""

    source: Path
    target: Path


def expand(paths: Sequence[Path], suffixes: Iterable[str]) -> list[Path]:
    """Return files as given, and for each directory the files inside it with one of `suffixes`, by name.

    Raises InputError for what does not exist and for a directory without such files.
    """
    wanted = set(suffixes)
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(
                file for file in path.iterdir() if file.suffix.lower() in wanted and file.is_file()
            )
            if not inside:
                raise InputError(
                    f"{path} holds no file that ends in {', '.join(sorted(wanted))}; name another"
                )
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise InputError(f"{path} does not exist; check its spelling")
    return found


def name_outputs(sources: Sequence[Path], directory: Path, suffix: str) -> list[NamedOutput]:
    """Name an output in `directory` after each source; raise InputError where two would be one file."""
    taken: dict[str, Path] = {}
    for source in sources:
        if other := taken.get(source.stem):
            raise InputError(
                f"{other} and {source} would both become {source.stem}{suffix}; rename one of them"
            )
        taken[source.stem] = source
    return [NamedOutput(source, directory / f"{stem}{suffix}") for stem, source in taken.items()]


def make_directory(directory: Path) -> None:
    """Create an output directory; raise InputError where that cannot be, or nothing can be put there."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(
            f"{directory} is not a directory, so no output can be put there; choose another place"
        ) from None
    except OSError as error:
        raise InputError(f"{directory} cannot be made: {error.strerror}; choose another place") from None
    if not os.access(directory, os.W_OK | os.X_OK):
        raise InputError(f"{directory} may not be written to; choose another place")


def check_writable(path: Path) -> None:
    """Raise InputError, before any work, where a file that a user named could not be written after it."""
    if path.is_dir():
        raise InputError(f"{path} is a directory; name a file in it")
    if not path.parent.is_dir():
        raise InputError(f"{path} cannot be written: there is no directory {path.parent}; make it first")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InputError(f"{path} may not be written; choose another place")


def read_bytes(path: Path) -> bytes:
    """Read a file whole; raise InputError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; name a file that can") from None


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole; raise InputError where that is impossible."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}; choose another place") from None


def write_json(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write one row a line, equal bytes for equal rows; raise InputError where that is impossible."""
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    write_file(path, (f"[\n{lines}\n]\n" if rows else "[]\n").encode())


def track_files(items: Sequence[T], what: str) -> Iterable[T]:
    """Give `items` one by one, with a bar on stderr where that is a terminal and there are several."""
    console = Console(stderr=True)
    is_quiet = len(items) < 2 or not console.is_terminal
    return track(items, description=what, console=console, transient=True, disable=is_quiet)
