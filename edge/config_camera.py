"""One camera's configuration: where its pictures come from, and what becomes of them."""

from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from edge.masks import Polygon
from edge.session import BufferPolicy
from runtime.config import ConfigSection, DurationSeconds

FRAMES_PER_SECOND_MAX: Final = 240
QUALITY_MAX: Final = 100
Relative = Annotated[float, Field(ge=0, le=1)]


class FileSource(ConfigSection):
    """A video file."""

    kind: Literal["file"]
    """A video file."""
    path: Path
    """Where it is."""
    loop: bool = False
    """Begin again at the end."""
    realtime: bool = True
    """Play at its own speed; otherwise as fast as frames can be coded, losing none."""


class DirectorySource(ConfigSection):
    """A directory of images, in the order of their names."""

    kind: Literal["directory"]
    """A directory of images."""
    path: Path
    """Where it is."""
    images_per_second: float = Field(default=5.0, gt=0, le=FRAMES_PER_SECOND_MAX)
    """The rate that the images are taken to have."""
    loop: bool = False
    """Begin again at the end."""
    realtime: bool = True
    """Play at that rate; otherwise as fast as images can be coded, losing none."""


class V4l2Source(ConfigSection):
    """A USB or other V4L2 camera."""

    kind: Literal["v4l2"]
    """A local camera."""
    device: str = Field(default="/dev/video0", min_length=1)
    """The device file."""
    capture_width_px: int | None = Field(default=None, ge=16, le=8192)
    """Ask the camera for this width; needs the height too."""
    capture_height_px: int | None = Field(default=None, ge=16, le=8192)
    """Ask the camera for this height."""

    @model_validator(mode="after")
    def _size_is_whole(self) -> "V4l2Source":
        if (self.capture_width_px is None) != (self.capture_height_px is None):
            raise ValueError("capture_width_px and capture_height_px belong together; give both")
        return self


class RtspSource(ConfigSection):
    """An RTSP camera."""

    kind: Literal["rtsp"]
    """A network camera that speaks RTSP."""
    url: str = Field(pattern=r"^rtsps?://\S+$", examples=["rtsp://10.0.0.7/stream1"])
    """Its address, with user and password if it wants them."""
    transport: Literal["tcp", "udp"] = "tcp"
    """How pictures travel: TCP loses none, UDP waits for none."""
    open_timeout_s: DurationSeconds = Field(default=10.0, gt=0, le=300)
    """How long the camera may take to answer."""
    silence_s_max: DurationSeconds = Field(default=10.0, gt=0, le=300)
    """A camera that sends nothing for this long counts as down."""


class MjpegSource(ConfigSection):
    """An HTTP camera that pushes JPEG pictures."""

    kind: Literal["mjpeg"]
    """A network camera that speaks MJPEG over HTTP."""
    url: str = Field(pattern=r"^https?://\S+$", examples=["http://10.0.0.8/mjpeg"])
    """Its address, with user and password if it wants them."""
    silence_s_max: DurationSeconds = Field(default=10.0, gt=0, le=300)
    """A camera that sends nothing for this long counts as down."""


SourceConfig: TypeAlias = Annotated[
    FileSource | DirectorySource | V4l2Source | RtspSource | MjpegSource, Field(discriminator="kind")
]


class GateConfig(ConfigSection):
    """Sends a frame only when something changed."""

    threshold: float = Field(default=0.0, ge=0, le=1)
    """Least change of any part of the picture, 1 being black to white; 0 sends every frame."""
    hold_s: DurationSeconds = Field(default=1.0, ge=0, le=600)
    """Go on sending for this long after the last change."""
    interval_s_max: DurationSeconds = Field(default=10.0, gt=0, le=3600)
    """A still scene is sent this often all the same."""


class MaskConfig(ConfigSection):
    """A part of the picture that is painted over, before anything is compared, coded or kept."""

    rectangle: tuple[Relative, Relative, Relative, Relative] | None = None
    """Left, top, right and bottom, each 0 to 1 of the picture."""
    polygon: tuple[tuple[Relative, Relative], ...] | None = Field(default=None, min_length=3, max_length=64)
    """Three or more corners, x and y each 0 to 1 of the picture."""

    @model_validator(mode="after")
    def _is_one_shape(self) -> "MaskConfig":
        if (self.rectangle is None) == (self.polygon is None):
            raise ValueError("a mask is either a rectangle or a polygon; give exactly one")
        return self

    @field_validator("rectangle")
    @classmethod
    def _has_area(cls, value: tuple[float, float, float, float] | None) -> tuple[float, ...] | None:
        if value is not None and not (value[0] < value[2] and value[1] < value[3]):
            raise ValueError("a rectangle is [left, top, right, bottom] with left < right and top < bottom")
        return value

    @property
    def outline(self) -> Polygon:
        """The mask's corners."""
        if self.rectangle is None:
            assert self.polygon is not None, "a mask has one shape"
            return self.polygon
        left, top, right, bottom = self.rectangle
        return ((left, top), (right, top), (right, bottom), (left, bottom))


class CameraSettings(ConfigSection):
    """What may stand under `defaults` and under each camera."""

    frames_per_second: float = Field(default=5.0, gt=0, le=FRAMES_PER_SECOND_MAX)
    """At most this many frames are coded."""
    long_side_px: int = Field(default=640, ge=64, le=4096)
    """Pictures are scaled down until neither side is longer."""
    quality: float | None = Field(default=None, ge=0, le=QUALITY_MAX)
    """Quality of the latents; the model's own default if it is not given."""
    width: float | None = Field(default=None, gt=0, le=1)
    """Width of the encoder, e.g. 0.25: less work. The model's own default if it is not given."""
    gate: GateConfig = GateConfig()
    """Sends a frame only when something changed."""
    masks: tuple[MaskConfig, ...] = Field(default=(), max_length=64)
    """Parts of the picture that nobody may see."""
    buffer: BufferPolicy = BufferPolicy.ALL
    """`all` keeps what the link cannot take and catches up; `newest` stays live and drops the oldest."""


class CameraConfig(CameraSettings):
    """One camera."""

    source: SourceConfig
    """Where its pictures come from."""

    @property
    def has_medium(self) -> bool:
        """Whether pictures come from files, which are still there when they are looked at late."""
        return isinstance(self.source, FileSource | DirectorySource)

    @property
    def is_live(self) -> bool:
        """Whether pictures come at their own pace, so that old ones give way to new ones."""
        return getattr(self.source, "realtime", True)
