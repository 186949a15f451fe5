"""What a request for detection figures comes down to: pictures, codecs and detectors that are there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shared_models.errors import InputError, PackageError
from shared_models.evaluation.detection.detectors import BUILT_IN, LatentsChoice
from shared_models.evaluation.detection.labelled_pictures import DetectionSet
from shared_models.evaluation.peers.catalogue import CodecOptions, find_codecs
from shared_models.evaluation.peers.codec import PictureCodec
from shared_models.evaluation.peers.pixels import NAME as UNCOMPRESSED
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.pixel_choice import SAMPLES_MAX, PixelChoice
from shared_models.evaluation.statistics.bootstrap import DRAWS
from shared_models.tasks.coco import NAMES

_NEEDS_DETECTOR: Final = "a codec of pixels needs a detector on pixels: --detector X.onnx"
_CLASSES_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class DetectionRequest:
    """What is to be measured, and where things are."""

    instances: Path
    command: str
    cache: Path
    images: Path | None = None
    codecs: tuple[str, ...] = ("slim",)
    qualities: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """By codec, in its own measure, in place of its usual range."""
    points: int | None = None
    """How many of a codec's usual qualities; all of them else."""
    detector: Path | None = None
    bridges: tuple[str, ...] = ()
    """Directories, or names of ready-made ones."""
    side: int = 0
    """Larger pictures are made smaller to this long side; 0 keeps them."""
    limit: int | None = None
    model: CodecOptions = field(default_factory=CodecOptions)
    jobs: int = 1
    draws: int = DRAWS


@dataclass(frozen=True, slots=True)
class DetectionChoice:
    """What will be measured."""

    pictures: DetectionSet
    codecs: tuple[PictureCodec, ...]
    qualities: Mapping[str, tuple[float, ...]]
    pixels: PixelChoice | None
    latents: tuple[LatentsChoice, ...]
    missing: Mapping[str, str]

    @property
    def ours(self) -> list[Slim]:
        """The codecs whose bytes become latents."""
        return [codec for codec in self.codecs if isinstance(codec, Slim)]


def choose(request: DetectionRequest) -> DetectionChoice:
    """Find everything; raise InputError or ModelError where nothing of it can be measured."""
    pictures = DetectionSet(request.instances, request.limit, images=request.images, side=request.side)
    found = find_codecs([UNCOMPRESSED, *request.codecs], request.model)
    pixels = None
    if request.detector:
        samples = [pictures.picture(image_id) for image_id in pictures.ids[:SAMPLES_MAX]]
        pixels = PixelChoice.of(request.detector, samples)
    _check_classes(pictures, pixels)
    latents, missing = _detectors_on_latents(request, [c for c in found.codecs if isinstance(c, Slim)])
    missing |= found.missing
    if pixels is None:
        missing |= {
            codec.name: _NEEDS_DETECTOR
            for codec in found.codecs
            if not isinstance(codec, Slim) and codec.name in request.codecs
        }
    codecs = tuple(codec for codec in found.codecs if (latents if isinstance(codec, Slim) else pixels))
    if not codecs:
        raise InputError("nothing can be measured: name a detector with --detector, or a bridge with --path")
    qualities = {codec.name: _qualities(codec, request) for codec in codecs}
    return DetectionChoice(pictures, codecs, qualities, pixels, tuple(latents), missing)


def _check_classes(pictures: DetectionSet, pixels: PixelChoice | None) -> None:
    classes = list(pictures.judge.categories)
    if not set(classes) & set(pixels.classes if pixels else NAMES):
        shown = ", ".join(classes[:_CLASSES_SHOWN]) + (", …" if len(classes) > _CLASSES_SHOWN else "")
        raise InputError(
            f"the detector knows none of the {len(classes)} classes of the annotations ({shown}); "
            "name them as the detector does"
        )


def _detectors_on_latents(
    request: DetectionRequest, ours: Sequence[Slim]
) -> tuple[list[LatentsChoice], dict[str, str]]:
    """Return what can look at latents; a package without a detector of its own is missing one."""
    if not ours:
        return [], {}
    package = ours[0].codec.package
    choices, missing = [LatentsChoice(source) for source in request.bridges], {}
    for choice in choices:
        choice.open(package)
    try:
        LatentsChoice(BUILT_IN).open(package)
        choices.append(LatentsChoice(BUILT_IN))
    except (KeyError, PackageError):
        missing[BUILT_IN] = f"the model package {package.name} has no detector of its own"
    return choices, missing


def _qualities(codec: PictureCodec, request: DetectionRequest) -> tuple[float, ...]:
    family = codec.name.partition("@")[0]
    given = request.qualities.get(codec.name) or request.qualities.get(family)
    if given:
        return given
    usual, count = codec.qualities, request.points or len(codec.qualities)
    if count >= len(usual):
        return usual
    if count == 1:
        return (usual[len(usual) // 2],)
    return tuple(usual[round(i * (len(usual) - 1) / (count - 1))] for i in range(count))
