"""Which codecs can be measured, by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared_models.errors import InputError
from shared_models.evaluation.peers.avif import avif
from shared_models.evaluation.peers.codec import Missing, PictureCodec
from shared_models.evaluation.peers.compressai_models import COMPRESSAI
from shared_models.evaluation.peers.jpeg import jpeg
from shared_models.evaluation.peers.jxl import jxl
from shared_models.evaluation.peers.pixels import uncompressed
from shared_models.evaluation.peers.slim import NAME as SLIM
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.peers.slim_full import NAME as SLIM_FULL
from shared_models.evaluation.peers.slim_full import SlimFull
from shared_models.evaluation.peers.svtav1 import svtav1
from shared_models.evaluation.peers.webp import webp
from shared_models.evaluation.peers.x264 import x264
from shared_models.evaluation.peers.x265 import x265
from shared_models.packages.registry import DEFAULT_PACKAGE

PEERS: Final[Mapping[str, Callable[[], PictureCodec | Missing]]] = {
    "pixels": uncompressed,
    "jpeg": jpeg,
    "webp": webp,
    "avif": avif,
    "jxl": jxl,
    "x264": x264,
    "x265": x265,
    "svtav1": svtav1,
    **COMPRESSAI,
}


@dataclass(frozen=True, slots=True)
class CodecOptions:
    """What codecs are made with besides their names; with these, another process makes the same ones."""

    model: str = DEFAULT_PACKAGE
    """Model package of `slim`, by name or path."""


@dataclass(frozen=True, slots=True)
class FoundCodecs:
    """The codecs that can run here, in the order they were asked for, and why the others cannot."""

    codecs: tuple[PictureCodec, ...]
    missing: Mapping[str, str]


def find_codecs(names: Sequence[str], options: CodecOptions) -> FoundCodecs:
    """Make the codecs of these names.

    Raises InputError for a name that nobody knows, ModelError for a model that cannot be used.
    """
    codecs: list[PictureCodec] = []
    missing: dict[str, str] = {}
    for name in dict.fromkeys(names):
        made = make_codec(name, options)
        if isinstance(made, Missing):
            missing[name] = made.reason
        else:
            codecs.append(made)
    return FoundCodecs(tuple(codecs), missing)


def make_codec(name: str, options: CodecOptions) -> PictureCodec | Missing:
    """Make one codec; raise InputError or ModelError as `find_codecs` does."""
    if name.partition("@")[0] == SLIM:
        return Slim.open(name, options.model)
    if name == SLIM_FULL:
        return SlimFull.open(options.model)
    if name not in PEERS:
        known = ", ".join([SLIM, SLIM_FULL, *PEERS])
        raise InputError(f"there is no codec {name!r}; known are {known}, and {SLIM}@0.25 for a width")
    return PEERS[name]()
