"""Pictures as people have them, and as networks want them."""

import numpy as np
from numpy.typing import NDArray

from shared_models.errors import InputError
from shared_models.frames import Pixels


def padded(size_px: int, stride: int) -> int:
    """Return the least multiple of `stride` that holds `size_px`."""
    return -(-size_px // stride) * stride


def check_pixels(pixels: Pixels, side_px_min: int, side_px_max: int) -> None:
    """Raise InputError unless `pixels` is (H, W, 3) uint8 with both sides within the limits."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise InputError(f"a picture is (H, W, 3) uint8 and this one is {pixels.shape} {pixels.dtype}")
    height, width = pixels.shape[:2]
    if not (side_px_min <= min(height, width) and max(height, width) <= side_px_max):
        raise InputError(
            f"the picture is {width}×{height} pixels and each side must have {side_px_min} to {side_px_max}; "
            "resize it first"
        )


def to_tensor(pixels: Pixels, stride: int) -> NDArray[np.float32]:
    """(H, W, 3) uint8 -> (1, 3, H', W') float32 in [0, 1]; right and bottom edges repeat up to `stride`."""
    height, width = pixels.shape[:2]
    bottom, right = padded(height, stride) - height, padded(width, stride) - width
    planes = np.pad(pixels, ((0, bottom), (0, right), (0, 0)), mode="edge").transpose(2, 0, 1)
    return np.multiply(planes[np.newaxis], np.float32(1 / 255), dtype=np.float32, order="C")


def to_pixels(tensor: NDArray[np.float32], frame_width: int, frame_height: int) -> Pixels:
    """(1, 3, H', W') about [0, 1] -> its top left (frame_height, frame_width, 3), rounded to uint8."""
    planes = tensor[0, :, :frame_height, :frame_width]
    scaled = np.multiply(planes, np.float32(255), dtype=np.float32)
    np.clip(np.rint(scaled, out=scaled), 0, 255, out=scaled)
    return np.ascontiguousarray(scaled.astype(np.uint8).transpose(1, 2, 0))
