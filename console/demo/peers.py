"""What JPEG, AVIF and H.264 need for the same pictures at the same PSNR: the demo's yardstick."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shared_models.evaluation.peers.avif import avif
from shared_models.evaluation.peers.codec import Missing, PictureCodec
from shared_models.evaluation.peers.jpeg import jpeg
from shared_models.evaluation.video.low_delay import LowDelayEncoder, x264
from shared_models.frames import Pixels, psnr_db

H264_SEARCH_STEPS = 6
STILL_QUALITY_MAX = 98


@dataclass(frozen=True, slots=True)
class PeerCost:
    """What a peer codec needs: mean bytes a frame (containers included) and the PSNR it gave."""

    codec: str
    bytes_per_frame: float
    psnr_db: float
    is_floor: bool
    """True when the codec's lowest quality is already better than what was asked."""


def _cheapest_still(codec: PictureCodec, pixels: Pixels, target_db: float) -> tuple[int, float, bool]:
    """Bisect the quality for the smallest file that reaches `target_db`: (bytes, PSNR, is_floor)."""
    height, width = pixels.shape[:2]
    low, high = 0, STILL_QUALITY_MAX
    best: tuple[int, float] | None = None
    while low <= high:
        quality = (low + high) // 2
        data = codec.encode(pixels, quality)
        got_db = psnr_db(codec.decode(data, width, height), pixels)
        if got_db >= target_db:
            best = len(data), got_db
            if quality == 0:
                return *best, True
            high = quality - 1
        else:
            low = quality + 1
    return (*best, False) if best else (len(data), got_db, False)


def still_cost(
    name: str, codec: PictureCodec, frames: Sequence[Pixels], targets_db: Sequence[float]
) -> PeerCost:
    """Code every frame as a still picture at its own target: the mean over the frames."""
    found = [_cheapest_still(codec, p, t) for p, t in zip(frames, targets_db, strict=True)]
    mean_bytes = sum(size for size, _, _ in found) / len(found)
    mean_db = sum(db for _, db, _ in found) / len(found)
    return PeerCost(name, mean_bytes, mean_db, all(floor for *_, floor in found))


def _clip_cost(
    encoder: LowDelayEncoder, frames: Sequence[Pixels], frames_per_second: float, crf: float
) -> tuple[float, float]:
    """Code and decode a clip: (mean bytes a frame, mean PSNR in dB)."""
    height, width = frames[0].shape[:2]
    coded = encoder.encode(frames, frames_per_second, crf)
    pairs = zip(encoder.decode(coded, width, height), frames, strict=True)
    fidelity = [psnr_db(decoded, source) for decoded, source in pairs]
    return sum(map(len, coded.packets)) / len(frames), sum(fidelity) / len(fidelity)


def h264_cost(frames: Sequence[Pixels], frames_per_second: float, target_db: float) -> PeerCost:
    """Bisect the CRF of x264, veryfast and zerolatency, for the smallest stream of mean PSNR `target_db`."""
    encoder = x264()
    size, got_db = _clip_cost(encoder, frames, frames_per_second, encoder.crf_max)
    if got_db >= target_db:
        return PeerCost("H.264", size, got_db, is_floor=True)
    low, high = 0.0, float(encoder.crf_max)  # low is good enough or best there is, high is not
    best = math.inf, -math.inf
    for _ in range(H264_SEARCH_STEPS):
        crf = (low + high) / 2
        size, got_db = _clip_cost(encoder, frames, frames_per_second, crf)
        if got_db >= target_db:
            best, low = (size, got_db), crf
        else:
            high = crf
    if math.isinf(best[0]):
        best = _clip_cost(encoder, frames, frames_per_second, 0)
    return PeerCost("H.264", *best, is_floor=False)


def peer_costs(
    clip: Sequence[Pixels],
    frames_per_second: float,
    sampled: Sequence[Pixels],
    targets_db: Sequence[float],
) -> list[PeerCost]:
    """Measure every peer: still codecs on the sampled frames, each at its own target; H.264 on the clip."""
    stills = {"JPEG": jpeg(), "AVIF": avif()}
    costs = [
        still_cost(name, codec, sampled, targets_db)
        for name, codec in stills.items()
        if not isinstance(codec, Missing)
    ]
    return [*costs, h264_cost(clip, frames_per_second, sum(targets_db) / len(targets_db))]
