"""A USB or other V4L2 camera as a source."""

from typing import Final, Protocol

import cv2
import numpy as np

from edge.sources.scaling import fit
from edge.sources.source import Grab
from shared_models.errors import SourceError
from shared_models.frames import Pixels

_MJPG: Final = 0x47504A4D  # FourCC "MJPG": what USB 2 cameras need for more than a few frames a second


class VideoDevice(Protocol):
    """The part of cv2.VideoCapture that is used here."""

    def isOpened(self) -> bool: ...  # noqa: N802, D102
    def set(self, propId: int, value: float) -> bool: ...  # noqa: D102
    def grab(self) -> bool: ...  # noqa: D102
    def retrieve(self) -> tuple[bool, cv2.typing.MatLike]: ...  # noqa: D102
    def release(self) -> None: ...  # noqa: D102


class V4l2Source:
    """An open V4L2 device. OpenCV gives up on a silent one after ten seconds."""

    def __init__(self, device: VideoDevice, name: str) -> None:
        """Take an opened device; `name` is what errors call it. Raises SourceError if it is not open."""
        if not device.isOpened():
            raise SourceError(
                f"the camera {name} cannot be opened; check that it exists, is free and readable"
            )
        self._device = device
        self._name = name

    def grab(self) -> Grab | None:
        """Wait for the next frame, without decoding it."""
        if not self._device.grab():
            raise SourceError(
                f"the camera {self._name} gave no picture; it was unplugged or is stuck; plug it in again"
            )
        return Grab(None, self._picture)

    def close(self) -> None:
        """Release the device."""
        self._device.release()

    def _picture(self, long_side_px: int) -> Pixels:
        is_decoded, bgr = self._device.retrieve()
        if not is_decoded:
            raise SourceError(f"the camera {self._name} gave a picture that cannot be decoded")
        return np.ascontiguousarray(fit(np.asarray(bgr, np.uint8), long_side_px)[..., ::-1])


def open_v4l2(path: str, *, capture_width_px: int | None, capture_height_px: int | None) -> V4l2Source:
    """Open a device such as `/dev/video0`, compressed where it can and with one buffer; raise SourceError."""
    device = cv2.VideoCapture(path, cv2.CAP_V4L2)
    device.set(cv2.CAP_PROP_FOURCC, _MJPG)
    device.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    if capture_width_px is not None and capture_height_px is not None:
        device.set(cv2.CAP_PROP_FRAME_WIDTH, capture_width_px)
        device.set(cv2.CAP_PROP_FRAME_HEIGHT, capture_height_px)
    return V4l2Source(device, path)
