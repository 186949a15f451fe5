"""What JPEG, AVIF and H.264 need for the same pictures at the same PSNR: the demo's yardstick."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from PIL import Image, features

from console.demo.clip import to_pixels
from shared_models.frames import Pixels, psnr_db

H264_CRF_MAX = 51
H264_SEARCH_STEPS = 6


@dataclass(frozen=True, slots=True)
class PeerCost:
    """What a peer codec needs: mean bytes a frame (containers included) and the PSNR it gave."""

    codec: str
    bytes_per_frame: float
    psnr_db: float
    is_floor: bool
    """True when the codec's lowest quality is already better than what was asked."""


def _still(pixels: Pixels, kind: str, quality: int) -> bytes:
    options: dict[str, object] = {"quality": quality, "subsampling": "4:2:0"}
    options |= {"optimize": True} if kind == "JPEG" else {"speed": 6}
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, kind, **options)
    return sink.getvalue()


def _cheapest_still(pixels: Pixels, kind: str, target_db: float) -> tuple[int, float, bool]:
    """Bisect the quality for the smallest file that reaches `target_db`: (bytes, PSNR, is_floor)."""
    low, high = (1, 95) if kind == "JPEG" else (0, 98)
    best: tuple[int, float] | None = None
    first = low
    while low <= high:
        quality = (low + high) // 2
        data = _still(pixels, kind, quality)
        got_db = psnr_db(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), pixels)
        if got_db >= target_db:
            best = len(data), got_db
            if quality == first:
                return *best, True
            high = quality - 1
        else:
            low = quality + 1
    return (*best, False) if best else (len(data), got_db, False)


def still_cost(codec: str, frames: Sequence[Pixels], targets_db: Sequence[float]) -> PeerCost:
    """Code every frame as a still picture at its own target: the mean over the frames."""
    found = [_cheapest_still(p, codec, t) for p, t in zip(frames, targets_db, strict=True)]
    mean_bytes = sum(size for size, _, _ in found) / len(found)
    mean_db = sum(db for _, db, _ in found) / len(found)
    return PeerCost(codec, mean_bytes, mean_db, all(floor for *_, floor in found))


def _h264(frames: Sequence[Pixels], frames_per_second: float, crf: float) -> tuple[float, float]:
    """Code and decode a clip with x264 veryfast zerolatency: (mean bytes a frame, mean PSNR in dB)."""
    import av

    height, width = frames[0].shape[0] & ~1, frames[0].shape[1] & ~1
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.framerate = Fraction(frames_per_second).limit_denominator(1001)
    encoder.time_base = 1 / encoder.framerate
    encoder.options = {"preset": "veryfast", "tune": "zerolatency", "crf": f"{crf:g}"}
    decoder = av.CodecContext.create("h264", "r")
    decoded: list[Pixels] = []
    size = 0

    def take(packets: list["av.Packet[av.VideoStream]"]) -> None:
        nonlocal size
        for packet in packets:
            size += packet.size
            decoded.extend(to_pixels(f) for f in decoder.decode(packet))

    for pixels in frames:
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]), format="rgb24")
        take(encoder.encode(picture))
    take(encoder.encode(None))
    decoded.extend(to_pixels(f) for f in decoder.decode(None))
    quality = [psnr_db(d, s[:height, :width]) for d, s in zip(decoded, frames, strict=False)]
    return size / len(frames), sum(quality) / len(quality)


def h264_cost(frames: Sequence[Pixels], frames_per_second: float, target_db: float) -> PeerCost:
    """Bisect x264's CRF for the smallest stream whose mean PSNR reaches `target_db`."""
    size, got_db = _h264(frames, frames_per_second, H264_CRF_MAX)
    if got_db >= target_db:
        return PeerCost("H.264", size, got_db, is_floor=True)
    low, high = 0.0, float(H264_CRF_MAX)  # low is good enough or best there is, high is not
    best = math.inf, -math.inf
    for _ in range(H264_SEARCH_STEPS):
        crf = (low + high) / 2
        size, got_db = _h264(frames, frames_per_second, crf)
        if got_db >= target_db:
            best, low = (size, got_db), crf
        else:
            high = crf
    if math.isinf(best[0]):
        best = _h264(frames, frames_per_second, 0)
    return PeerCost("H.264", *best, is_floor=False)


def peer_costs(
    clip: Sequence[Pixels],
    frames_per_second: float,
    sampled: Sequence[Pixels],
    targets_db: Sequence[float],
) -> list[PeerCost]:
    """Measure every peer: still codecs on the sampled frames, each at its own target; H.264 on the clip."""
    stills = ["JPEG", *(["AVIF"] if features.check("avif") else [])]
    costs = [still_cost(kind, sampled, targets_db) for kind in stills]
    return [*costs, h264_cost(clip, frames_per_second, sum(targets_db) / len(targets_db))]
