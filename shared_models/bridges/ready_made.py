"""Cutting the tail of a fetched model, for the ready-made bridge into it."""

from pathlib import Path

from shared_models.bridges.model_graph import inspect_model
from shared_models.bridges.split import split
from shared_models.errors import PackageError
from shared_models.packages.third_party import fetched_model
from shared_models.tasks.bridge_info import read_info
from shared_models.tasks.ready_made import find_bridge, tail_path


def prepare_tail(name: str) -> Path:
    """Cut the fetched model `name` where its ready-made bridge enters; return where its tail is.

    The tail is written once. Raises PackageError where the model is absent or is not the one that the bridge
    was fitted to.
    """
    directory = find_bridge(name)
    info = read_info(directory)
    path = tail_path(directory, info)
    if path.exists():
        return path
    model = fetched_model(name)  # checked against its SHA-256
    graph = inspect_model(model, info.convention.side)
    tail = split(graph, graph.candidate([tensor.name for tensor in info.cut])).tail
    partial = path.with_suffix(".partial")
    try:
        partial.write_bytes(tail.SerializeToString())
        partial.replace(path)
    except OSError as error:
        raise PackageError(f"{path} cannot be written: {error.strerror}") from None
    return path
