"""Which codecs can be measured on moving pictures, by name: ours, and the video encoders."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from shared_models.errors import InputError
from shared_models.evaluation.peers.catalogue import CodecOptions, make_codec
from shared_models.evaluation.peers.intra import lack
from shared_models.evaluation.peers.slim import NAME as SLIM
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.video.low_delay import VIDEO_ENCODERS, LowDelayEncoder

PIXELS: Final = "pixels"
"""No codec at all; always measured, since everything else is beside it."""

VideoCodec: TypeAlias = LowDelayEncoder | Slim


@dataclass(frozen=True, slots=True)
class FoundVideoCodecs:
    """The codecs that can run here, in the order they were asked for, and why the others cannot."""

    codecs: tuple[VideoCodec, ...]
    missing: dict[str, str]


def find_video_codecs(
    names: Sequence[str], options: CodecOptions, keyframe_interval: int
) -> FoundVideoCodecs:
    """Make the codecs of these names.

    Raises InputError for a name that nobody knows, ModelError for a model that cannot be used.
    """
    codecs: list[VideoCodec] = []
    missing: dict[str, str] = {}
    for name in dict.fromkeys(name for name in names if name != PIXELS):
        made = make_video_codec(name, options, keyframe_interval)
        lacking = lack(made.encoder, made.decoder) if isinstance(made, LowDelayEncoder) else None
        if lacking:
            missing[name] = lacking.reason
        else:
            codecs.append(made)
    return FoundVideoCodecs(tuple(codecs), missing)


def make_video_codec(name: str, options: CodecOptions, keyframe_interval: int) -> VideoCodec:
    """Make one codec; raise InputError or ModelError as `find_video_codecs` does."""
    if name in VIDEO_ENCODERS:
        return VIDEO_ENCODERS[name](keyframe_interval)
    if name.partition("@")[0] != SLIM:
        known = ", ".join([SLIM, *VIDEO_ENCODERS])
        raise InputError(f"there is no video codec {name!r}; known are {known}, and {SLIM}@0.25 for a width")
    made = make_codec(name, options)
    assert isinstance(made, Slim)
    return made
