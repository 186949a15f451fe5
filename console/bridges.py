"""Bridges by directory or name, as commands open them."""

from typing import TYPE_CHECKING

from shared_models.errors import InputError, PackageError

if TYPE_CHECKING:
    from shared_models.codecs.slim.codec import SlimCodec
    from shared_models.tasks.bridged import BridgedModel
    from shared_models.tasks.layouts.layout import Task


def load_bridge(path: str, task: "Task", codec: "SlimCodec") -> "BridgedModel":
    """Open a bridge for `task` on the latents of `codec`; raise InputError or ModelError.

    The tail of a ready-made bridge is cut from the fetched model the first time, where `onnx` is installed.
    """
    from shared_models.tasks.bridge_info import read_info
    from shared_models.tasks.bridged import open_bridge
    from shared_models.tasks.ready_made import find_bridge, is_ready_made, tail_path

    directory = find_bridge(path)
    info = read_info(directory)
    if info.task != task:
        raise InputError(
            f"the bridge {path} does not {task}: its model's task is to {info.task}; use that command"
        )
    if is_ready_made(directory) and not tail_path(directory, info).exists():
        cut_tail(directory.name)
    return open_bridge(directory, codec.fingerprint, codec.backend)


def cut_tail(name: str) -> None:
    """Cut the fetched model `name` for its ready-made bridge; raise PackageError where that is impossible."""
    try:
        from shared_models.bridges.ready_made import prepare_tail
    except ImportError:
        raise PackageError(
            f"the model {name} has to be cut for its bridge once, and `onnx` is not installed here; "
            "pip install 'slimstream[bridge]'"
        ) from None
    prepare_tail(name)
