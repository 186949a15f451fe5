"""Where bridges are found by name: a directory somebody fitted, or one that is shipped.

A ready-made bridge is ours to ship and its model is not: its tail lies beside the model that the user
fetched, cut there once by `shared_models.bridges.ready_made`.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from shared_models.errors import InputError, PackageError
from shared_models.packages.third_party import fetch_command, store_path, third_party_model
from shared_models.tasks.bridge_info import BRIDGE_FILE, TAIL_FILE, BridgeInfo, read_part

_SHIPPED: Final = Path(__file__).parents[1] / "packages" / "builtin_bridges"


def ready_made_names() -> tuple[str, ...]:
    """Return the names of the bridges that are shipped."""
    if not _SHIPPED.is_dir():
        return ()
    return tuple(sorted(path.name for path in _SHIPPED.iterdir() if (path / BRIDGE_FILE).is_file()))


def find_bridge(name_or_path: str) -> Path:
    """Return the directory of a bridge, by path or by the name of a shipped one; raise InputError."""
    path = Path(name_or_path)
    if path.is_dir():
        return path
    if name_or_path in ready_made_names():
        return _SHIPPED / name_or_path
    raise InputError(
        f"there is no bridge {name_or_path!r}: give the directory of one, or a ready-made one of "
        f"{', '.join(ready_made_names()) or 'none'}"
    )


def is_ready_made(directory: Path) -> bool:
    """Say whether a bridge is one of those that are shipped, without its model's tail."""
    return directory.parent == _SHIPPED


def tail_path(directory: Path, info: BridgeInfo, environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the tail of a bridge is: in its directory, or beside the model that the user fetched."""
    if not is_ready_made(directory):
        return directory / TAIL_FILE
    return store_path(directory.name, environment).with_name(f"tail-{info.tail_key}.onnx")


def read_tail(directory: Path, info: BridgeInfo, environment: Mapping[str, str] = os.environ) -> bytes:
    """Read the tail of a bridge; raise PackageError, with what brings it where it is a fetched model's."""
    path = tail_path(directory, info, environment)
    if is_ready_made(directory) and not path.exists():
        command = fetch_command(third_party_model(directory.name))
        raise PackageError(
            f"the ready-made bridge {directory.name} needs a model that is not shipped; `{command}` brings it"
        )
    return read_part(path)
