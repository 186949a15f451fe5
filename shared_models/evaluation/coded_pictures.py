"""Coding a picture once: its bytes and the time they took are kept, and read again the next time."""

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from shared_models.evaluation.cache import Cache, key
from shared_models.evaluation.peers.codec import PictureCodec
from shared_models.evaluation.peers.slim import Slim
from shared_models.frames import Pixels

TIMES: Final = "milliseconds of processor time on one thread, median over pictures"
"""How times are stated in a report."""
PEERS: Final = (
    "whole files (AVIF's container is in them), or raw streams with parameter sets (without what x264 writes "
    "about itself); every codec codes the picture at the size that is evaluated, none makes it smaller first"
)
"""How bytes are counted, as stated in a report."""
_HEAD: Final = struct.Struct("<d")  # milliseconds


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is read when it is needed, and no more than its hash when it is not."""

    digest: bytes
    """Of its size and its pixels."""
    width: int
    height: int
    load: Callable[[], Pixels]


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """What coding a picture cost."""

    key: str
    """Stands for the codec, its settings, the quality and the picture."""
    bytes: int
    live_bytes: int | None
    """What the same takes on a live link, where the codec knows such a form."""
    encode_ms: float
    """Processor time, so that other work on the machine does not count."""
    is_kept: bool
    """It was coded in an earlier run, and timed there."""


_warm: set[tuple[str, float]] = set()


def code_picture(
    codec: PictureCodec, picture: Picture, quality: float, cache: Cache
) -> tuple[CodedPicture, bytes]:
    """Code a picture, or take its bytes from the cache."""
    coded_key = key("coded", codec.name, codec.settings, float(quality), picture.digest)
    kept = cache.get(coded_key)
    if kept is None:
        pixels = picture.load()
        if (codec.settings, quality) not in _warm:  # networks are loaded, code is compiled
            codec.encode(pixels, quality)
            _warm.add((codec.settings, quality))
        t0 = time.process_time()
        data = codec.encode(pixels, quality)
        encode_ms = 1e3 * (time.process_time() - t0)
        if len(data) < pixels.nbytes:  # what is not compressed is made again as fast as it is read
            cache.put(coded_key, _HEAD.pack(encode_ms) + data)
    else:
        (encode_ms,), data = _HEAD.unpack_from(kept), kept[_HEAD.size :]
    live_bytes = codec.live_bytes(data) if isinstance(codec, Slim) else None
    return CodedPicture(coded_key, len(data), live_bytes, encode_ms, kept is not None), data
