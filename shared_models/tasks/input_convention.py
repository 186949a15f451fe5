"""How a vision model wants its pictures: which side, which channels first, which numbers, which frame."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from shared_models.frames import Pixels

Array = NDArray[np.float32]
Side = Annotated[int, Field(ge=1, le=8192)]
Triple = tuple[float, float, float]

CROP_RATIO = 256 / 224
"""A centre crop's short side before cropping, over the input's side: what ImageNet is scored with."""


class Channels(StrEnum):
    """The order of a picture's planes."""

    RGB = "rgb"
    BGR = "bgr"


class Fit(StrEnum):
    """How a picture of any shape comes to the input's shape."""

    LETTERBOX = "letterbox"
    """Scaled as a whole, at the top left; padding at the right and below."""
    LETTERBOX_CENTRED = "letterbox-centred"
    STRETCH = "stretch"
    CENTRE_CROP = "centre-crop"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture lies on a canvas: canvas = picture * scale + offset, in pixels."""

    scale_x: float
    scale_y: float
    left: int
    top: int

    def to_picture(self, corners: Array) -> Array:
        """Corners (N, 4) on the canvas -> in the picture."""
        offset = np.array([self.left, self.top] * 2, np.float32)
        scale = np.array([self.scale_x, self.scale_y] * 2, np.float32)
        moved: Array = ((corners - offset) / scale).astype(np.float32)
        return moved


class InputConvention(BaseModel):
    """What ONNX does not say about an image input. The network gets (value 0..255 - mean) / std."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    side: tuple[Side, Side]
    """Width and height in pixels."""
    channels: Channels = Channels.RGB
    mean: Triple = (0.0, 0.0, 0.0)
    """Of values 0..255, in the order of `channels`."""
    std: Annotated[Triple, Field()] = (1.0, 1.0, 1.0)
    fit: Fit = Fit.LETTERBOX
    pad: Annotated[int, Field(ge=0, le=255)] = 114
    """The grey around a letterboxed picture."""

    def __str__(self) -> str:
        numbers = "0..255"
        if self.std == (255.0,) * 3 and not any(self.mean):
            numbers = "0..1"
        elif any(self.mean) or self.std != (1.0,) * 3:
            mean, std = (", ".join(f"{value:g}" for value in row) for row in (self.mean, self.std))
            numbers = f"(x - [{mean}]) / [{std}]"
        width, height = self.side
        return f"{width}×{height} {self.channels.upper()} {numbers}, {self.fit}"

    def place(self, width: int, height: int) -> Placement:
        """Say where a picture of `width` × `height` lies on the canvas."""
        canvas_w, canvas_h = self.side
        if self.fit is Fit.STRETCH:
            return Placement(canvas_w / width, canvas_h / height, 0, 0)
        if self.fit is Fit.CENTRE_CROP:
            scale = CROP_RATIO * max(canvas_w / width, canvas_h / height)
        else:
            scale = min(canvas_w / width, canvas_h / height)
        scaled_w, scaled_h = max(1, round(width * scale)), max(1, round(height * scale))
        left, top = 0, 0
        if self.fit is not Fit.LETTERBOX:
            left, top = (canvas_w - scaled_w) // 2, (canvas_h - scaled_h) // 2
        return Placement(scaled_w / width, scaled_h / height, left, top)

    def canvas(self, pixels: Pixels) -> Pixels:
        """Bring (H, W, 3) RGB to the canvas (side, RGB), padded or cropped as `fit` says."""
        height, width = pixels.shape[:2]
        placement = self.place(width, height)
        size = (round(width * placement.scale_x), round(height * placement.scale_y))
        scaled = Image.fromarray(pixels)
        if size != scaled.size:
            scaled = scaled.resize(size, Image.Resampling.BILINEAR)
        canvas = Image.new("RGB", self.side, (self.pad,) * 3)
        canvas.paste(scaled, (placement.left, placement.top))
        return np.asarray(canvas)

    def prepare(self, pixels: Pixels) -> Array:
        """(H, W, 3) uint8 RGB -> (3, side) float32 as the network wants it."""
        canvas = self.canvas(pixels)
        order = (2, 1, 0) if self.channels is Channels.BGR else (0, 1, 2)
        prepared: Array = np.empty((3, *canvas.shape[:2]), np.float32)
        for plane, channel, mean, std in zip(prepared, order, self.mean, self.std, strict=True):
            np.subtract(canvas[:, :, channel], np.float32(mean), out=plane)  # a plane at a time: no copies
            if std != 1:
                np.divide(plane, np.float32(std), out=plane)
        return prepared
