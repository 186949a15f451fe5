"""Local cameras, with a device that the test plays."""

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.sources.v4l2 import V4l2Source, open_v4l2
from shared_models.errors import SourceError


class Device:
    def __init__(self, frames: int = 1, is_open: bool = True, is_decodable: bool = True) -> None:
        self.frames, self.is_open, self.is_decodable, self.is_released = frames, is_open, is_decodable, False

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self.is_open

    def set(self, propId: int, value: float) -> bool:
        return True

    def grab(self) -> bool:
        self.frames -= 1
        return self.frames >= 0

    def retrieve(self) -> tuple[bool, NDArray[np.uint8]]:
        blue = np.zeros((48, 64, 3), np.uint8)
        blue[..., 0] = 255
        return self.is_decodable, blue

    def release(self) -> None:
        self.is_released = True


def test_a_picture_is_rgb() -> None:
    grab = V4l2Source(Device(), "cam").grab()
    assert grab is not None
    assert grab.media_s is None
    assert grab.picture(32).shape == (24, 32, 3)
    assert grab.picture(32)[0, 0].tolist() == [0, 0, 255]


def test_an_unplugged_camera_is_an_error() -> None:
    source = V4l2Source(Device(frames=0), "/dev/video0")
    with pytest.raises(SourceError, match="/dev/video0 gave no picture"):
        source.grab()


def test_a_picture_that_cannot_be_decoded_is_an_error() -> None:
    grab = V4l2Source(Device(is_decodable=False), "cam").grab()
    assert grab is not None
    with pytest.raises(SourceError, match="cannot be decoded"):
        grab.picture(64)


def test_a_camera_that_is_not_there_is_refused() -> None:
    with pytest.raises(SourceError, match="/dev/video99 cannot be opened"):
        open_v4l2("/dev/video99", capture_width_px=64, capture_height_px=48)


def test_closing_releases_the_device() -> None:
    device = Device()
    V4l2Source(device, "cam").close()
    assert device.is_released
