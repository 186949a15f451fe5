"""Codecs over their qualities: what every evaluation of codecs is asked for, beside what it looks with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from shared_models.evaluation.peers.catalogue import CodecOptions


class HasQualities(Protocol):
    """A codec with a usual range of qualities, for pictures or for clips."""

    @property
    def name(self) -> str:
        """The name by which it is asked for."""
        ...

    @property
    def qualities(self) -> tuple[float, ...]:
        """The range measured when nobody says otherwise."""
        ...


@dataclass(frozen=True, slots=True)
class Sweep:
    """Which codecs are measured, at which qualities and on which pictures, and where results are kept."""

    command: str
    """What was typed."""
    cache: Path
    codecs: tuple[str, ...]
    qualities: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """By codec, in its own measure, in place of its usual range."""
    points: int | None = None
    """How many of a codec's usual qualities; all of them else."""
    side: int = 0
    """Larger pictures are made smaller to this long side; 0 keeps them."""
    limit: int | None = None
    """Only the first pictures."""
    model: CodecOptions = field(default_factory=CodecOptions)
    jobs: int = 1

    @property
    def long_side_px(self) -> int | str:
        """The long side as reports state it."""
        return self.side or "as they are"

    def qualities_of(self, codec: HasQualities) -> tuple[float, ...]:
        """Return the qualities given for a codec or its family, else `points` of its usual ones, evenly."""
        chosen = self.qualities.get(codec.name) or self.qualities.get(codec.name.partition("@")[0])
        if chosen:
            return chosen
        usual, count = codec.qualities, self.points or len(codec.qualities)
        if count >= len(usual):
            return usual
        if count == 1:
            return (usual[len(usual) // 2],)
        return tuple(usual[round(i * (len(usual) - 1) / (count - 1))] for i in range(count))
