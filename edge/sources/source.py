"""What a camera is to the agent: something that is open and gives pictures until it ends or fails."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from shared_models.frames import Pixels


@dataclass(frozen=True, slots=True)
class Grab:
    """One picture, taken but not yet converted: most cameras give more than anybody wants.

    `media_s` is its position in the medium, in seconds, or None where the source has no timeline.
    `picture(long_side_px)` makes it RGB with neither side longer than that; it may be called until the next
    `grab` or `close` of its source, and may raise SourceError.
    """

    media_s: float | None
    picture: Callable[[int], Pixels]


class Source(Protocol):
    """An open camera, file or directory. Used by one thread."""

    def grab(self) -> Grab | None:
        """Wait for the next picture; None at the end of a medium that has one.

        Raises SourceError when the camera fails or stays silent beyond its timeout.
        """
        ...

    def close(self) -> None:
        """Give back what the source holds. May be called twice."""
        ...
