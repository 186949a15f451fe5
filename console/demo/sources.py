"""What a demo plays: the installed clip, or whatever the user names, as a source of the agent."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.demo.clip import default_clip, probe
from shared_models.errors import InputError


@dataclass(frozen=True, slots=True)
class DemoSource:
    """A source in the agent's own configuration, its name, and how long it plays (None: for ever)."""

    name: str
    config: Mapping[str, Any]
    seconds: float | None

    def expected_frames(self, frames_per_second: float, seconds_max: float) -> int:
        """Frames to wait for, at most."""
        return max(1, math.floor(min(self.seconds or seconds_max, seconds_max) * frames_per_second))


def demo_source(text: str | None) -> DemoSource:
    """Read `--source`: nothing, a file, a directory of images, a device, or an RTSP or HTTP address."""
    if text is None:
        return _file(default_clip())
    if text.startswith(("rtsp://", "rtsps://")):
        return DemoSource(text.rpartition("@")[2], {"kind": "rtsp", "url": text}, None)
    if text.startswith(("http://", "https://")):
        return DemoSource(text.rpartition("@")[2], {"kind": "mjpeg", "url": text}, None)
    path = Path(text)
    if path.is_char_device():
        return DemoSource(text, {"kind": "v4l2", "device": text}, None)
    if path.is_dir():
        return DemoSource(path.name, {"kind": "directory", "path": str(path.resolve()), "loop": True}, None)
    if path.is_file():
        return _file(path)
    raise InputError(f"{text} is no file, directory, device or camera address: name one with --source")


def _file(path: Path) -> DemoSource:
    clip = probe(path)
    seconds = clip.frames / clip.frames_per_second if clip.frames else None
    return DemoSource(path.name, {"kind": "file", "path": str(path.resolve())}, seconds)
