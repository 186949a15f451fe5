"""The values that name a frame and its moment, shared by edge and cloud."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]
"""A picture: (H, W, 3) uint8, RGB, C-contiguous."""


@dataclass(frozen=True, slots=True, order=True)
class FrameId:
    """What names a frame for good: camera, epoch of its ring, sequence number within the epoch.

    `seq` grows by one per captured frame and survives restarts of the agent; `epoch` is new (a Unix
    time in seconds) when the agent has lost its ring, so that an old `seq` is never reused.
    """

    camera: str
    epoch: int
    seq: int

    def __str__(self) -> str:
        return f"{self.camera}/{self.epoch}/{self.seq}"


@dataclass(frozen=True, slots=True)
class CaptureTime:
    """When a frame was captured, on both clocks of the device.

    `capture_ns` is Unix time; `monotonic_ns` counts from the boot that `boot_id` names (16 hex digits),
    so that a stepped wall clock can be told from a pause.
    """

    capture_ns: int
    monotonic_ns: int
    boot_id: str


def psnr_db(picture: Pixels, source: Pixels) -> float:
    """Peak signal-to-noise ratio over all RGB samples, in dB; infinite for equal pictures."""
    if picture.shape != source.shape:
        raise ValueError(f"pictures differ in shape: {picture.shape} and {source.shape}")
    error = picture.astype(np.float32) - source.astype(np.float32)
    mse = float(np.mean(np.square(error), dtype=np.float64))
    return float("inf") if mse == 0 else float(10 * np.log10(255.0**2 / mse))
