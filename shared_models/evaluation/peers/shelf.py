"""Codecs of one process, made when they are first needed, and at which qualities they are measured."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from shared_models.evaluation.peers.catalogue import CodecOptions, make_codec
from shared_models.evaluation.peers.codec import Missing, PictureCodec


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


class CodecShelf:
    """Codecs by name."""

    def __init__(self, options: CodecOptions) -> None:
        """Take what codecs are made with."""
        self._options = options
        self._codecs: dict[str, PictureCodec] = {}

    def take(self, name: str) -> PictureCodec:
        """Return a codec that is known not to be missing."""
        if name not in self._codecs:
            made = make_codec(name, self._options)
            assert not isinstance(made, Missing), "missing codecs get no tasks"
            self._codecs[name] = made
        return self._codecs[name]


def qualities_of(
    codec: HasQualities, given: Mapping[str, Sequence[float]], points: int | None = None
) -> tuple[float, ...]:
    """Return the qualities given for a codec or its family, else `points` of its usual ones, evenly."""
    chosen = given.get(codec.name) or given.get(codec.name.partition("@")[0])
    if chosen:
        return tuple(chosen)
    usual, count = codec.qualities, points or len(codec.qualities)
    if count >= len(usual):
        return usual
    if count == 1:
        return (usual[len(usual) // 2],)
    return tuple(usual[round(i * (len(usual) - 1) / (count - 1))] for i in range(count))
