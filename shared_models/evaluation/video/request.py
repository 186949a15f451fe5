"""What a request for figures on moving pictures comes down to: what of it is really there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shared_models.errors import InputError
from shared_models.evaluation.detection.detectors import BUILT_IN, LatentsChoice
from shared_models.evaluation.peers.catalogue import CodecOptions
from shared_models.evaluation.peers.shelf import qualities_of
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.pixel_choice import SAMPLES_MAX, PixelChoice
from shared_models.evaluation.video.bench import ClipChoice
from shared_models.evaluation.video.clips import Clip
from shared_models.evaluation.video.low_delay import KEYFRAME_INTERVAL
from shared_models.evaluation.video.video_codecs import VideoCodec, find_video_codecs
from shared_models.tasks.detection import SCORE_MIN_DISPLAY

CODECS: Final = ("slim", "x264", "x265", "svtav1")


@dataclass(frozen=True, slots=True)
class VideoRequest:
    """What is to be measured, and where things are."""

    clip: ClipChoice
    detector: Path
    command: str
    cache: Path
    labels: Path | None = None
    """COCO or MOT; else the detector's own boxes on the pixels are the truth."""
    confident: float = SCORE_MIN_DISPLAY
    """The score from which these count."""
    codecs: tuple[str, ...] = CODECS
    qualities: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """By codec, in its own measure, in place of its usual range."""
    points: int | None = None
    """How many of a codec's usual qualities; all of them else."""
    bridges: tuple[str, ...] = ()
    """Directories, or names of ready-made ones."""
    keyframe_interval: int = KEYFRAME_INTERVAL
    model: CodecOptions = field(default_factory=CodecOptions)
    jobs: int = 1


@dataclass(frozen=True, slots=True)
class VideoChoice:
    """What will be measured."""

    clip: Clip
    codecs: tuple[VideoCodec, ...]
    qualities: Mapping[str, tuple[float, ...]]
    pixels: PixelChoice
    latents: tuple[LatentsChoice, ...]
    missing: Mapping[str, str]

    @property
    def ours(self) -> list[Slim]:
        """The codecs whose bytes become latents."""
        return [codec for codec in self.codecs if isinstance(codec, Slim)]


def choose(request: VideoRequest) -> VideoChoice:
    """Find everything; raise InputError or ModelError where nothing of it can be measured."""
    clip = request.clip.read()
    found = find_video_codecs(request.codecs, request.model, request.keyframe_interval)
    pixels = PixelChoice.of(request.detector, clip.pixels[:: max(1, len(clip.frames) // SAMPLES_MAX)])
    ours = [codec for codec in found.codecs if isinstance(codec, Slim)]
    latents, missing = _on_latents(request, ours)
    codecs = tuple(codec for codec in found.codecs if latents or not isinstance(codec, Slim))
    if not codecs:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in {**found.missing, **missing}.items())
        raise InputError(f"no codec is left to measure ({reasons})")
    qualities = {codec.name: qualities_of(codec, request.qualities, request.points) for codec in codecs}
    return VideoChoice(clip, codecs, qualities, pixels, latents, {**found.missing, **missing})


def _on_latents(request: VideoRequest, ours: list[Slim]) -> tuple[tuple[LatentsChoice, ...], dict[str, str]]:
    """Return what can look at latents; a package without a detector of its own is missing one."""
    if not ours:
        return (), {}
    package = ours[0].codec.package
    choices = [LatentsChoice(source) for source in request.bridges]
    for choice in choices:
        choice.open(package)
    if "detect" not in package.manifest.parts:
        return tuple(choices), {BUILT_IN: f"the model package {package.name} has no detector of its own"}
    LatentsChoice(BUILT_IN).open(package)
    return (*choices, LatentsChoice(BUILT_IN)), {}
