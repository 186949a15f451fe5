"""Video that FFmpeg reads, from a file or a network camera, as a source."""

from collections.abc import Mapping
from typing import Final

import av
import av.error
import numpy as np

from edge.sources.scaling import fitted_size
from edge.sources.source import Grab
from shared_models.errors import SourceError
from shared_models.frames import Pixels

_DAMAGED_PACKETS_MAX: Final = 250
"""Undecodable packets in a row before the stream counts as dead: about ten seconds of video."""
_REMEDIES: Final = {
    True: "check its address, user and password, and the network",
    False: "name a video that FFmpeg reads",
}
"""What helps with a source that does not open, by whether it is live."""


class ContainerSource:
    """The first video stream of whatever FFmpeg can open."""

    def __init__(
        self,
        url: str,
        *,
        name: str,
        is_live: bool,
        options: Mapping[str, str],
        open_timeout_s: float,
        read_timeout_s: float,
    ) -> None:
        """Open `url`; errors call it `name`, since a URL may hold a password. Raises SourceError.

        A live stream has no end, only failures, and its frames are as old as they are when they come.
        """
        self._name = name
        self._is_live = is_live
        try:
            self._container = av.open(url, options=dict(options), timeout=(open_timeout_s, read_timeout_s))
        except (OSError, ValueError) as error:  # PyAV's errors are OSError, ValueError or both
            raise SourceError(f"{name} cannot be opened: {_cause(error)}; {_REMEDIES[is_live]}") from error
        if not self._container.streams.video:
            self._container.close()
            raise SourceError(f"{name} has no video stream; give a file or address that has one")
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "SLICE"  # frame threads would hold frames back
        self._packets = self._container.demux(self._stream)
        self._decoded: list[av.VideoFrame] = []
        self._damaged = 0
        self._clock = MediaClock(float(self._stream.average_rate or 0) or None)

    def grab(self) -> Grab | None:
        """Decode the next frame; None behind the last."""
        while not self._decoded:
            try:
                packet = next(self._packets)
            except StopIteration:
                if self._is_live:
                    raise SourceError(f"{self._name} ended the stream; was the camera restarted?") from None
                return None
            except (OSError, ValueError) as error:
                raise SourceError(f"{self._name} stopped: {_cause(error)}") from error
            self._decode(packet)
        frame = self._decoded.pop(0)
        position_s = self._clock.at(None if frame.time is None else float(frame.time))
        media_s = None if self._is_live else position_s
        return Grab(media_s, lambda long_side_px: _to_rgb(frame, long_side_px, self._name))

    def close(self) -> None:
        """Close the container."""
        self._container.close()

    def _decode(self, packet: "av.Packet[av.VideoStream]") -> None:
        """Decode one packet; a damaged one costs itself, a long run of them ends the source."""
        try:
            self._decoded = [frame for frame in packet.decode() if isinstance(frame, av.VideoFrame)]
            self._damaged = 0
        except av.error.EOFError:
            self._decoded = []
        except (av.error.FFmpegError, ValueError) as error:
            self._damaged += 1
            if self._damaged > _DAMAGED_PACKETS_MAX:
                raise SourceError(
                    f"{self._name} sends what cannot be decoded: {_cause(error)}; try another codec"
                ) from error


class MediaClock:
    """Positions in a medium, also for frames that come without (a camera's first frames, some AVIs)."""

    def __init__(self, frames_per_second: float | None) -> None:
        """Take the nominal rate, if the container states one."""
        self._step_s = None if frames_per_second is None else 1 / frames_per_second
        self._last_s: float | None = None

    def at(self, media_s: float | None) -> float | None:
        """Return `media_s`, or a step after the last position where it is None and the rate is known."""
        if media_s is None and self._step_s is not None:
            media_s = 0.0 if self._last_s is None else self._last_s + self._step_s
        self._last_s = media_s
        return media_s


def _to_rgb(frame: av.VideoFrame, long_side_px: int, name: str) -> Pixels:
    """Scale and convert in one pass of swscale."""
    width, height = fitted_size(frame.width, frame.height, long_side_px)
    try:
        return np.ascontiguousarray(
            frame.to_ndarray(format="rgb24", width=width, height=height, interpolation="AREA"), dtype=np.uint8
        )
    except (OSError, ValueError) as error:
        raise SourceError(f"{name} gave a frame that cannot be converted: {_cause(error)}") from error


def _cause(error: Exception) -> str:
    """Return FFmpeg's sentence without the address, which may hold a password."""
    if isinstance(error, av.error.ExitError):
        return "no picture came before the timeout"
    return getattr(error, "strerror", None) or type(error).__name__
