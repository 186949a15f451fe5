"""A video file as a source."""

from pathlib import Path
from typing import Final

from edge.sources.container import ContainerSource
from shared_models.errors import SourceError

_DISK_S: Final = 30.0
"""How long a disk, which may be a network's, may take."""


def open_video_file(path: Path) -> ContainerSource:
    """Open a video file; raise SourceError if it is absent or holds no video."""
    if not path.is_file():
        raise SourceError(f"there is no video file {path}; correct source.path")
    return ContainerSource(
        str(path), name=str(path), is_live=False, options={}, open_timeout_s=_DISK_S, read_timeout_s=_DISK_S
    )
