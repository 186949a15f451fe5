"""Between RGB pictures and the YUV 4:2:0 frames of video codecs, BT.601 in video range.

Video codecs want even sides: a picture is continued by its edge, and cut again after decoding. Its size is
known to the receiver, as that of a live stream is.
"""

from typing import TYPE_CHECKING

import numpy as np

from shared_models.codecs.pictures import padded
from shared_models.frames import Pixels

if TYPE_CHECKING:
    import av

YUV_SETTINGS = "YUV 4:2:0 BT.601"


def to_frame(pixels: Pixels, multiple: int = 2, side_min: int = 2) -> "av.VideoFrame":
    """(H, W, 3) uint8 RGB -> yuv420p, sides rounded up to `multiple` and at least `side_min`."""
    import av
    from av.video.reformatter import ColorRange, Colorspace

    height, width = (max(padded(side, multiple), side_min) for side in pixels.shape[:2])
    below, right = height - pixels.shape[0], width - pixels.shape[1]
    whole = np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="edge")
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(whole), format="rgb24").reformat(
        format="yuv420p",
        dst_colorspace=Colorspace.ITU601,
        dst_color_range=ColorRange.MPEG,
        interpolation="BICUBIC",
        threads=1,
    )


def to_pixels(frame: "av.VideoFrame", width: int, height: int) -> Pixels:
    """yuv420p as `to_frame` made it -> its top left (height, width, 3) uint8 RGB."""
    from av.video.reformatter import ColorRange, Colorspace

    rgb = frame.reformat(
        format="rgb24",
        src_colorspace=Colorspace.ITU601,
        src_color_range=ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation="BICUBIC",
        threads=1,
    )
    return np.asarray(rgb.to_ndarray()[:height, :width], np.uint8)
