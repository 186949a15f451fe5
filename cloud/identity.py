"""Who a peer is and which cameras it may write or read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

NAME_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Names of agents and cameras: safe in file names, metric labels and URLs."""


def is_name(text: str) -> bool:
    """Whether `text` can name an agent or a camera."""
    return NAME_PATTERN.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated peer. Patterns are those of file names: `gate-*`, or `*` for all."""

    name: str
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()

    def may_write(self, camera: str) -> bool:
        """Whether frames of this camera are accepted from this peer."""
        return _matches(camera, self.writes)

    def may_read(self, camera: str) -> bool:
        """Whether this peer may look at this camera."""
        return _matches(camera, self.reads)


EVERYBODY: Final = Identity("anonymous", writes=("*",), reads=("*",))
"""Whoever connects where authentication is switched off."""


def _matches(camera: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(camera, pattern) for pattern in patterns)
