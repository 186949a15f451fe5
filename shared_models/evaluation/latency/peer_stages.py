"""The same frames through what cameras use today: JPEG, and video encoders in low-delay settings."""

import io
from collections.abc import Callable, Iterator, Sequence
from statistics import fmean
from typing import Final

import numpy as np
from PIL import Image

from shared_models.evaluation.latency.report import Size
from shared_models.evaluation.latency.stage import Stage, StageKey
from shared_models.evaluation.peers.intra import lack
from shared_models.evaluation.peers.yuv import to_frame
from shared_models.evaluation.video.low_delay import LowDelayEncoder, svtav1, x264
from shared_models.frames import Pixels

JPEG_QUALITY: Final = 75
CLIP_FRAMES: Final = 48
"""Frames that a video encoder codes at once, so that opening it weighs little."""
_FPS: Final = 25.0
_CRF: Final = {"x264": 33.0, "svtav1": 46.0}
_NAMES: Final = {"x264": "x264 veryfast zerolatency", "svtav1": "SVT-AV1 preset 10 low delay"}


class PeerBench:
    """Frames of one size; peers run on one thread, as their settings say."""

    def __init__(self, frames: Sequence[Pixels]) -> None:
        """Take the frames."""
        self.frames = frames
        self.size: Size = (frames[0].shape[1], frames[0].shape[0])
        self.settings: dict[str, str] = {}
        """How each peer was run, by the name of its stage."""
        self.missing: dict[str, str] = {}

    def stages(self) -> Iterator[Stage]:
        """Yield what is installed; `settings` and `missing` are complete after the last."""
        yield self._stage("JPEG encode", pillow_encode, "Pillow", quality=JPEG_QUALITY)
        files = [pillow_encode(pixels) for pixels in self.frames]
        yield self._decoding("JPEG decode", pillow_decode, files, "Pillow")
        try:
            import cv2
        except ImportError:
            self.missing["OpenCV"] = "opencv-python-headless is not installed"
        else:
            cv2.setNumThreads(1)
            yield self._stage("JPEG encode", opencv_encode, "OpenCV", quality=JPEG_QUALITY)
            yield self._decoding("JPEG decode", opencv_decode, files, "OpenCV")
        yield self._stage("RGB to YUV 4:2:0", to_frame, "FFmpeg")
        for encoder in (x264(), svtav1()):
            missing = lack(encoder.encoder, encoder.decoder)
            if missing:
                self.missing[encoder.name] = missing.reason
            else:
                yield self._video(encoder)

    def _stage(
        self, stage: str, run: Callable[[Pixels], object], backend: str, quality: float | None = None
    ) -> Stage:
        key = StageKey("peer", stage, self.size, 1, backend, None, quality, is_whole=quality is not None)
        made = [run(pixels) for pixels in self.frames]
        sizes = [len(data) for data in made if isinstance(data, bytes)]
        return Stage(key, lambda i: run(self.frames[i]), bytes_out=fmean(sizes) if sizes else None)

    def _decoding(
        self, stage: str, run: Callable[[bytes], Pixels], files: Sequence[bytes], backend: str
    ) -> Stage:
        key = StageKey("peer", stage, self.size, 1, backend, None, JPEG_QUALITY, is_whole=True)
        return Stage(key, lambda i: run(files[i]))

    def _video(self, encoder: LowDelayEncoder) -> Stage:
        crf, name = _CRF[encoder.name], _NAMES[encoder.name]
        forth_and_back = [*self.frames, *reversed(self.frames)]
        clip = [forth_and_back[k % len(forth_and_back)] for k in range(CLIP_FRAMES)]
        packets = encoder.encode(clip, _FPS, crf).packets
        self.settings[name] = encoder.settings
        key = StageKey("peer", name, self.size, 1, "FFmpeg", None, crf, is_whole=True)
        return Stage(
            key,
            lambda _: encoder.encode(clip, _FPS, crf),
            bytes_out=fmean(map(len, packets)),
            frames=CLIP_FRAMES,
        )


def pillow_encode(pixels: Pixels) -> bytes:
    """Return a JPEG file, 4:2:0."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY, subsampling="4:2:0")
    return file.getvalue()


def pillow_decode(data: bytes) -> Pixels:
    """Return the picture of a JPEG file."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def opencv_encode(pixels: Pixels) -> bytes:
    """Return a JPEG file, 4:2:0."""
    import cv2

    _, data = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes()


def opencv_decode(data: bytes) -> Pixels:
    """Return the picture of a JPEG file."""
    import cv2

    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)
