"""Pictures and videos that tests make for themselves."""

import io
from pathlib import Path

import av
import numpy as np
from PIL import Image

from shared_models.frames import Pixels


def striped(index: int, width: int = 64, height: int = 48) -> Pixels:
    """A picture whose brightness tells its index, with a gradient so that it is no flat field."""
    base = np.full((height, width, 3), 20 + 10 * (index % 20), np.uint8)
    base[:, :, 1] += np.arange(width, dtype=np.uint8)[None, :] // 8
    return base


def index_of(pixels: Pixels) -> int:
    """The index that `striped` was given, after any lossy coding."""
    return round((float(pixels[:, :, 0].mean()) - 20) / 10)


def write_video(path: Path, frames: int, rate: int = 25, width: int = 64, height: int = 48) -> Path:
    """A small H.264 file."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "10", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(striped(index, width, height), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def jpeg_of(pixels: Pixels) -> bytes:
    """The picture as JPEG."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=90)
    return out.getvalue()
