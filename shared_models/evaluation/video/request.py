"""What a request for figures on moving pictures comes down to: what of it is really there."""

from dataclasses import dataclass
from pathlib import Path

from shared_models.errors import InputError
from shared_models.evaluation.detection.detectors import LatentsChoice, find_detectors
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.pixel_choice import SAMPLES_MAX, PixelChoice
from shared_models.evaluation.sweep import Sweep
from shared_models.evaluation.video.clips import Clip, ClipChoice
from shared_models.evaluation.video.low_delay import KEYFRAME_INTERVAL
from shared_models.evaluation.video.video_codecs import VideoCodec, find_video_codecs
from shared_models.tasks.detection import SCORE_MIN_DISPLAY


@dataclass(frozen=True, slots=True)
class VideoRequest:
    """What is to be measured, and where things are."""

    clip: ClipChoice
    detector: Path
    sweep: Sweep
    labels: Path | None = None
    """COCO or MOT; else the detector's own boxes on the pixels are the truth."""
    confident: float = SCORE_MIN_DISPLAY
    """The score from which these count."""
    bridges: tuple[str, ...] = ()
    """Directories, or names of ready-made ones."""
    keyframe_interval: int = KEYFRAME_INTERVAL


@dataclass(frozen=True, slots=True)
class VideoChoice:
    """What will be measured."""

    clip: Clip
    codecs: tuple[VideoCodec, ...]
    pixels: PixelChoice
    latents: tuple[LatentsChoice, ...]
    missing: dict[str, str]

    @property
    def has_ours(self) -> bool:
        """Some codec's bytes become latents."""
        return any(isinstance(codec, Slim) for codec in self.codecs)


def choose(request: VideoRequest) -> VideoChoice:
    """Find everything; raise InputError or ModelError where nothing of it can be measured."""
    sweep = request.sweep
    clip = request.clip.read(sweep.side, sweep.limit)
    found = find_video_codecs(sweep.codecs, sweep.model, request.keyframe_interval)
    pixels = PixelChoice.of(request.detector, clip.pixels[:: max(1, len(clip.frames) // SAMPLES_MAX)])
    package = next((codec.codec.package for codec in found.codecs if isinstance(codec, Slim)), None)
    latents, missing = find_detectors(request.bridges, package)
    missing |= found.missing
    codecs = tuple(codec for codec in found.codecs if latents or not isinstance(codec, Slim))
    if not codecs:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
        raise InputError(f"no codec is left to measure ({reasons})")
    return VideoChoice(clip, codecs, pixels, latents, missing)
