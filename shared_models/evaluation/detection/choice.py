"""What a request for detection figures comes down to: pictures, codecs and detectors that are there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared_models.errors import InputError
from shared_models.evaluation.detection.detectors import LatentsChoice, find_detectors
from shared_models.evaluation.detection.labelled_pictures import DetectionSet
from shared_models.evaluation.peers.catalogue import find_codecs
from shared_models.evaluation.peers.codec import PictureCodec
from shared_models.evaluation.peers.pixels import NAME as UNCOMPRESSED
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.pixel_choice import SAMPLES_MAX, PixelChoice
from shared_models.evaluation.statistics.bootstrap import DRAWS
from shared_models.evaluation.sweep import Sweep
from shared_models.tasks.coco import NAMES

_NEEDS_DETECTOR: Final = "a codec of pixels needs a detector on pixels: --detector X.onnx"
_CLASSES_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class DetectionRequest:
    """What is to be measured, and where things are."""

    instances: Path
    sweep: Sweep
    images: Path | None = None
    detector: Path | None = None
    bridges: tuple[str, ...] = ()
    """Directories, or names of ready-made ones."""
    draws: int = DRAWS


@dataclass(frozen=True, slots=True)
class DetectionChoice:
    """What will be measured."""

    pictures: DetectionSet
    codecs: tuple[PictureCodec, ...]
    pixels: PixelChoice | None
    latents: tuple[LatentsChoice, ...]
    missing: dict[str, str]

    @property
    def has_ours(self) -> bool:
        """Some codec's bytes become latents."""
        return any(isinstance(codec, Slim) for codec in self.codecs)


def choose(request: DetectionRequest) -> DetectionChoice:
    """Find everything; raise InputError or ModelError where nothing of it can be measured."""
    sweep = request.sweep
    pictures = DetectionSet(request.instances, sweep.limit, images=request.images, side=sweep.side)
    found = find_codecs([UNCOMPRESSED, *sweep.codecs], sweep.model)
    pixels = None
    if request.detector:
        samples = [pictures.picture(image_id) for image_id in pictures.ids[:SAMPLES_MAX]]
        pixels = PixelChoice.of(request.detector, samples)
    _check_classes(pictures, pixels)
    package = next((codec.codec.package for codec in found.codecs if isinstance(codec, Slim)), None)
    latents, missing = find_detectors(request.bridges, package)
    missing |= found.missing
    if pixels is None:
        missing |= {
            codec.name: _NEEDS_DETECTOR
            for codec in found.codecs
            if not isinstance(codec, Slim) and codec.name in sweep.codecs
        }
    codecs = tuple(codec for codec in found.codecs if (latents if isinstance(codec, Slim) else pixels))
    if not codecs:
        raise InputError("nothing can be measured: name a detector with --detector, or a bridge with --path")
    return DetectionChoice(pictures, codecs, pixels, latents, missing)


def _check_classes(pictures: DetectionSet, pixels: PixelChoice | None) -> None:
    classes = list(pictures.judge.categories)
    if not set(classes) & set(pixels.classes if pixels else NAMES):
        shown = ", ".join(classes[:_CLASSES_SHOWN]) + (", …" if len(classes) > _CLASSES_SHOWN else "")
        raise InputError(
            f"the detector knows none of the {len(classes)} classes of the annotations ({shown}); "
            "name them as the detector does"
        )
