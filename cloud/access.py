"""Which names are allowed, and which cameras a peer may write or read."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from runtime.credentials import Grant

NAME_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Names of agents and cameras: safe in file names, metric labels and URLs."""


def is_name(text: str) -> bool:
    """Whether `text` can name an agent or a camera."""
    return NAME_PATTERN.fullmatch(text) is not None


def may_write(grant: Grant, camera: str) -> bool:
    """Whether frames of this camera are accepted from the holder."""
    return _matches(camera, grant.writes)


def may_read(grant: Grant, camera: str) -> bool:
    """Whether the holder may look at this camera."""
    return _matches(camera, grant.reads)


def may_control(grant: Grant, camera: str) -> bool:
    """Whether the holder may change what this camera sends."""
    return _matches(camera, grant.controls)


def _matches(camera: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(camera, pattern) for pattern in patterns)
