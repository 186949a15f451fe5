"""The work behind a rate-distortion report: code pictures, decode them, compare. Runs in any process."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from shared_models.evaluation.cache import key, source_key
from shared_models.evaluation.peers.codec import PictureCodec
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.peers.slim_full import LayerBytes, SlimFull
from shared_models.evaluation.picture_coder import PictureCoder, PictureTask
from shared_models.evaluation.picture_folder import PictureFolder
from shared_models.evaluation.point_cost import PictureCost
from shared_models.evaluation.rate_distortion.distortion import Distortion, measure_distortion
from shared_models.evaluation.sweep import Sweep


@dataclass(frozen=True, slots=True)
class RateDistortionPlan:
    """What every process needs to know."""

    pictures: tuple[Path, ...]
    sweep: Sweep


@dataclass(frozen=True, slots=True)
class Compared:
    """What a picture cost, and how far it is from its source."""

    cost: PictureCost
    layers: LayerBytes | None
    decode_ms: float
    distortion: Distortion


class RateDistortionBench:
    """Pictures and codecs of one process."""

    def __init__(self, plan: RateDistortionPlan) -> None:
        """Take the plan."""
        self.coder = PictureCoder(PictureFolder(plan.pictures, plan.sweep.side), plan.sweep)

    def compare(self, task: PictureTask) -> Compared:
        """Do one task; raise InputError."""
        shown = self.coder.code(task)
        code = source_key(measure_distortion.__module__)
        compared_key = key("distortion", shown.coded.key, _decoder_of(shown.codec), code)
        kept = self.coder.cache.get(compared_key)
        if kept is None:
            began = time.process_time()
            decoded = shown.decoded()
            decode_ms = 1e3 * (time.process_time() - began)
            distortion = measure_distortion(decoded, shown.picture.load())
            kept = json.dumps({"decode_ms": decode_ms, "distortion": asdict(distortion)}).encode()
            self.coder.cache.put(compared_key, kept)
        found = json.loads(kept)
        return Compared(
            cost=PictureCost.of(task, shown),
            layers=shown.codec.layer_bytes(shown.data) if isinstance(shown.codec, SlimFull) else None,
            decode_ms=found["decode_ms"],
            distortion=Distortion(**found["distortion"]),
        )


def _decoder_of(codec: PictureCodec) -> str:
    """Name the network that makes our pictures: a package's may change while its bytes stay the same."""
    if not isinstance(codec, Slim | SlimFull):
        return ""
    part = "preview" if isinstance(codec, Slim) else "full"
    return codec.codec.package.manifest.parts[part].sha256
