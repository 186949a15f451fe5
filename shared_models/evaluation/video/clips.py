"""Moving pictures to measure on: a video file or a directory of frames, at a chosen rate and size."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from shared_models.codecs.picture_files import PICTURE_SUFFIXES, read_picture, shrink
from shared_models.errors import InputError
from shared_models.frames import Pixels

if TYPE_CHECKING:
    import av

DIRECTORY_FPS: Final = 25.0
"""The rate that a directory of frames is taken to have when nobody says."""
SIDE_PX_MIN: Final = 16
SIDE_PX_MAX: Final = 4096
CLIP_BYTES_MAX: Final = 4 << 30
"""Pixels of a clip, which is held whole."""
_SLACK: Final = 0.1
"""Part of a period that a frame may come early, as the agent's rate limit grants it."""


@dataclass(frozen=True, slots=True)
class ClipFrame:
    """One frame of a clip and where it came from."""

    pixels: Pixels
    index: int
    """Position in the source, from 0, before any frame was left out."""
    name: str
    """The file's name in a directory of frames; empty in a video."""
    source_size: tuple[int, int]
    """Width and height in the source, before scaling: ground truth is in these pixels."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames of one size at one rate."""

    path: Path
    frames: tuple[ClipFrame, ...]
    source_fps: float
    fps: float
    """The rate of `frames`: what was asked for, or the source's where that is lower."""

    @property
    def pixels(self) -> list[Pixels]:
        """The pictures alone."""
        return [frame.pixels for frame in self.frames]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of every frame."""
        height, width = self.frames[0].pixels.shape[:2]
        return width, height

    @property
    def seconds(self) -> float:
        """How long the frames last at their rate."""
        return len(self.frames) / self.fps


@dataclass(frozen=True, slots=True)
class ClipChoice:
    """A clip by where it is, and the rate at which it is measured."""

    path: Path
    fps: float | None = None
    """Frames that are taken a second; all of them else."""
    source_fps: float | None = None
    """The rate of a directory of frames."""

    def read(self, side: int = 0, limit: int | None = None) -> Clip:
        """Read its frames, made smaller to a long side (0 keeps them), `limit` at most; raise InputError."""
        return read_clip(
            self.path, fps=self.fps, source_fps=self.source_fps, long_side=side, limit=limit or 0
        )


def read_clip(
    path: Path,
    *,
    fps: float | None = None,
    source_fps: float | None = None,
    long_side: int = 0,
    limit: int = 0,
) -> Clip:
    """Read a video file, or a directory of frames in the order of their numbers.

    `fps` leaves frames out, evenly in time; `source_fps` is the rate of a directory; `long_side` makes larger
    frames smaller (0 keeps them); `limit` ends after so many frames (0 for all). Raises InputError.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist")
    if path.is_dir():
        rate = source_fps or DIRECTORY_FPS
        timed: Iterator[tuple[float, ClipFrame]] = _directory_frames(path, rate, long_side)
    else:
        rate, timed = _open_video(path, long_side)
    wanted = fps if fps is not None and fps < rate else rate
    frames: list[ClipFrame] = []
    for frame in _at_rate(timed, wanted, rate):
        if frames and frame.pixels.shape != frames[0].pixels.shape:
            raise InputError(
                f"{path}: frame {frame.index} {frame.name} has another size than the first; "
                "a clip has frames of one size"
            )
        frames.append(frame)
        if len(frames) == limit:
            break
        if len(frames) * frame.pixels.nbytes > CLIP_BYTES_MAX:
            raise InputError(
                f"{path} has more than {len(frames)} frames of {frame.pixels.nbytes} bytes, more than can be "
                "held; take fewer with --limit or --fps, or smaller ones with --side"
            )
    if not frames:
        raise InputError(f"{path} holds no frame that can be decoded")
    return Clip(path, tuple(frames), rate, wanted)


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Sort `frame9` before `frame10`."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", path.name)
    ]


def _at_rate(timed: Iterator[tuple[float, ClipFrame]], fps: float, source_fps: float) -> Iterator[ClipFrame]:
    """Let the first frame of each period of `fps` pass; all of them at the source's own rate."""
    taken = 0
    start_s: float | None = None
    for time_s, frame in timed:
        start_s = time_s if start_s is None else start_s
        if fps >= source_fps or (time_s - start_s) * fps >= taken - _SLACK:
            taken += 1
            yield frame


def _directory_frames(path: Path, fps: float, long_side: int) -> Iterator[tuple[float, ClipFrame]]:
    files = sorted((p for p in path.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES), key=natural_order)
    if not files:
        raise InputError(f"{path} holds no picture; name a video file or a directory of frames")
    for index, file in enumerate(files):
        whole = read_picture(file, SIDE_PX_MIN, SIDE_PX_MAX)
        size = whole.shape[1], whole.shape[0]
        pixels = shrink(whole, long_side, SIDE_PX_MIN) if long_side else whole
        yield index / fps, ClipFrame(pixels, index, file.name, size)


def _open_video(path: Path, long_side: int) -> tuple[float, Iterator[tuple[float, ClipFrame]]]:
    import av
    from av.error import FFmpegError

    try:
        container = av.open(str(path))
    except (FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise InputError(
            f"{path} is no readable video ({reason}); name a video file or a directory of frames"
        ) from None
    if not container.streams.video:
        container.close()
        raise InputError(f"{path} holds no video stream; name a video file or a directory of frames")
    stream = container.streams.video[0]
    rate = float(stream.average_rate or stream.guessed_rate or DIRECTORY_FPS)
    return rate, _video_frames(container, path, rate, long_side)


def _video_frames(
    container: "av.container.InputContainer", path: Path, fps: float, long_side: int
) -> Iterator[tuple[float, ClipFrame]]:
    from av.error import FFmpegError

    try:
        with container:
            for index, frame in enumerate(container.decode(video=0)):
                time_s = index / fps if frame.time is None else float(frame.time)
                width, height = fitted_size(frame.width, frame.height, long_side)
                pixels = frame.to_ndarray(format="rgb24", width=width, height=height, interpolation="AREA")
                source_size = frame.width, frame.height
                yield time_s, ClipFrame(np.ascontiguousarray(pixels, np.uint8), index, "", source_size)
    except (FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise InputError(f"{path} cannot be decoded to its end ({reason}); cut or repair it") from None


def fitted_size(width: int, height: int, long_side: int) -> tuple[int, int]:
    """Return the size that brings the long side to `long_side`, never larger than it is; 0 keeps it."""
    if not long_side or max(width, height) <= long_side:
        return width, height
    scale = long_side / max(width, height)
    return max(SIDE_PX_MIN, round(width * scale)), max(SIDE_PX_MIN, round(height * scale))
