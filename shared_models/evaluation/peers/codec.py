"""What a codec must offer to be measured, and what stands in for one that is not here."""

from dataclasses import dataclass
from typing import Protocol

from shared_models.frames import Pixels


class PictureCodec(Protocol):
    """A codec for single pictures. Bytes are whole: headers, containers and parameter sets are in them."""

    @property
    def name(self) -> str:
        """The name by which it is asked for."""
        ...

    @property
    def settings(self) -> str:
        """Everything that decides its bytes but the quality: libraries, their versions, options."""
        ...

    @property
    def quality_name(self) -> str:
        """What its own measure of quality is called: `quality`, `CRF`, `distance`."""
        ...

    @property
    def qualities(self) -> tuple[float, ...]:
        """The range measured when nobody says otherwise, fewest bytes first."""
        ...

    def encode(self, pixels: Pixels, quality: float) -> bytes:
        """Code (H, W, 3) uint8 RGB on one thread; raise InputError for a quality it does not have."""
        ...

    def decode(self, data: bytes, width: int, height: int) -> Pixels:
        """Make the picture of `width` × `height` pixels again, on one thread."""
        ...


@dataclass(frozen=True, slots=True)
class Missing:
    """A codec that cannot run here, and why."""

    reason: str
