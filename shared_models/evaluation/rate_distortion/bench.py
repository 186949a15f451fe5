"""The work behind a rate-distortion report: code pictures, decode them, compare. Runs in any process."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from shared_models.evaluation.cache import Cache, key, source_key
from shared_models.evaluation.coded_pictures import code_picture
from shared_models.evaluation.peers.catalogue import CodecOptions
from shared_models.evaluation.peers.codec import PictureCodec
from shared_models.evaluation.peers.shelf import CodecShelf
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.peers.slim_full import LayerBytes, SlimFull
from shared_models.evaluation.picture_folder import PictureFolder
from shared_models.evaluation.rate_distortion.distortion import Distortion, measure_distortion


@dataclass(frozen=True, slots=True)
class RateDistortionPlan:
    """What every process needs to know."""

    pictures: tuple[Path, ...]
    side: int
    codecs: CodecOptions
    cache: Path


@dataclass(frozen=True, slots=True)
class CompareTask:
    """Code a picture with a codec at a quality, and compare what comes out."""

    codec: str
    quality: float
    picture: int


@dataclass(frozen=True, slots=True)
class Compared:
    """What a picture cost, and how far it is from its source."""

    task: CompareTask
    bytes: int
    pixels: int
    layers: LayerBytes | None
    encode_ms: float
    decode_ms: float
    distortion: Distortion


class RateDistortionBench:
    """Pictures and codecs of one process."""

    def __init__(self, plan: RateDistortionPlan) -> None:
        """Take the plan."""
        self.cache = Cache(plan.cache)
        self.folder = PictureFolder(plan.pictures, plan.side)
        self.codecs = CodecShelf(plan.codecs)

    def compare(self, task: CompareTask) -> Compared:
        """Do one task; raise InputError."""
        codec = self.codecs.take(task.codec)
        picture = self.folder.picture(task.picture)
        coded, data = code_picture(codec, picture, task.quality, self.cache)
        code = source_key(measure_distortion.__module__)
        compared_key = key("distortion", coded.key, _decoder_of(codec), code)
        kept = self.cache.get(compared_key)
        if kept is None:
            began = time.process_time()
            decoded = codec.decode(data, picture.width, picture.height)
            decode_ms = 1e3 * (time.process_time() - began)
            distortion = measure_distortion(decoded, picture.load())
            kept = json.dumps({"decode_ms": decode_ms, "distortion": asdict(distortion)}).encode()
            self.cache.put(compared_key, kept)
        found = json.loads(kept)
        return Compared(
            task=task,
            bytes=coded.bytes,
            pixels=picture.width * picture.height,
            layers=codec.layer_bytes(data) if isinstance(codec, SlimFull) else None,
            encode_ms=coded.encode_ms,
            decode_ms=found["decode_ms"],
            distortion=Distortion(**found["distortion"]),
        )


def _decoder_of(codec: PictureCodec) -> str:
    """Name the network that makes our pictures: a package's may change while its bytes stay the same."""
    if not isinstance(codec, Slim | SlimFull):
        return ""
    part = "preview" if isinstance(codec, Slim) else "full"
    return codec.codec.package.manifest.parts[part].sha256
