"""The work behind a video report: code a clip, decode it, let detectors look. Runs in any process."""

import hashlib
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from shared_models.evaluation.cache import Cache, key
from shared_models.evaluation.detection.detectors import LatentsChoice, OnLatents
from shared_models.evaluation.detection.sight import Sight
from shared_models.evaluation.opened_models import OpenedModels
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.pixel_choice import PixelChoice
from shared_models.evaluation.sweep import Sweep
from shared_models.evaluation.video.clips import Clip, ClipChoice
from shared_models.evaluation.video.low_delay import CodedClip, LowDelayEncoder
from shared_models.evaluation.video.video_codecs import PIXELS, VideoCodec, make_video_codec
from shared_models.frames import Pixels
from shared_models.tasks.results import Detection

_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """What every process needs to know."""

    clip: ClipChoice
    sweep: Sweep
    keyframe_interval: int
    pixels: PixelChoice
    latents: tuple[LatentsChoice, ...]


@dataclass(frozen=True, slots=True)
class WatchTask:
    """Code the clip with a codec at a quality, and look at it."""

    codec: str
    quality: float


@dataclass(frozen=True, slots=True)
class Watched:
    """What the clip cost, and what was seen in it."""

    task: WatchTask
    sizes: tuple[int, ...]
    """Bytes of each frame on a live link."""
    key_frames: int
    encode_ms: tuple[float, ...]
    on_latents: bool
    sights: dict[str, str]
    """By detector, the key under which the cache holds what was seen."""


class VideoBench:
    """Clip, codecs and detectors of one process; each is loaded when it is first needed."""

    def __init__(self, plan: VideoPlan) -> None:
        """Take the plan."""
        self.plan = plan
        self.cache = Cache(plan.sweep.cache)
        self._codecs: dict[str, VideoCodec] = {}
        self.models: OpenedModels[OnLatents] = OpenedModels(plan.pixels)

    def watch(self, task: WatchTask) -> Watched:
        """Do one task."""
        if task.codec == PIXELS:
            frames = [pixels.nbytes for pixels in self.clip.pixels]
            pixels_key = key("clip", self._digest)
            seen_in_them = self._seen_in_pixels(pixels_key, lambda: iter(self.clip.pixels))
            sights = {self.plan.pixels.name: seen_in_them}
            return Watched(
                task, tuple(frames), len(frames), (0.0,) * len(frames), on_latents=False, sights=sights
            )
        codec = self._codec(task.codec)
        coded_key = key("clip", codec.name, codec.settings, float(task.quality), self._digest)
        coded = self._coded(codec, task.quality, coded_key)
        if isinstance(codec, Slim):
            sizes = tuple(codec.live_bytes(packet) for packet in coded.packets)
            seen = {c.name: self._seen_in_latents(coded_key, c, codec, coded) for c in self.plan.latents}
        else:
            sizes = tuple(map(len, coded.packets))
            frames_of = _frames_of(codec, coded, self.clip.size)
            seen = {self.models.on_pixels.name: self._seen_in_pixels(coded_key, frames_of)}
        on_latents = isinstance(codec, Slim)
        return Watched(task, sizes, len(coded.key_frames), coded.encode_ms, on_latents, seen)

    def detections(self, sight_key: str) -> list[list[Detection]]:
        """Read from the cache what was seen, frame by frame."""
        kept = self.cache.get(sight_key)
        assert kept is not None, "what was seen is kept before it is read"
        return [list(Sight.from_bytes(data).detections) for data in _unpacked(kept)]

    def _codec(self, name: str) -> VideoCodec:
        if name not in self._codecs:
            self._codecs[name] = make_video_codec(name, self.plan.sweep.model, self.plan.keyframe_interval)
        return self._codecs[name]

    def _coded(self, codec: VideoCodec, quality: float, coded_key: str) -> CodedClip:
        kept = self.cache.get(coded_key)
        coded = None if kept is None else CodedClip.from_bytes(kept)
        if coded is None:
            frames = self.clip.pixels
            coded = (
                _code_each(codec, frames, quality)
                if isinstance(codec, Slim)
                else codec.encode(frames, self.clip.fps, quality)
            )
            self.cache.put(coded_key, coded.to_bytes())
        return coded

    def _seen_in_pixels(self, coded_key: str, frames: Callable[[], Iterator[Pixels]]) -> str:
        sight_key = key("sights", self.models.on_pixels.key, coded_key)
        if self.cache.get(sight_key) is None:
            found = [self.models.on_pixels.detect(pixels) for pixels in frames()]
            self.cache.put(sight_key, _packed(found))
        return sight_key

    def _seen_in_latents(self, coded_key: str, choice: LatentsChoice, codec: Slim, coded: CodedClip) -> str:
        detector = self.models.on_latents(choice, codec.codec.package)
        sight_key = key("sights", detector.key, coded_key)
        if self.cache.get(sight_key) is None:
            found = [detector.detect(codec.latents(packet), *self.clip.size) for packet in coded.packets]
            self.cache.put(sight_key, _packed(found))
        return sight_key

    @cached_property
    def clip(self) -> Clip:
        """The frames."""
        return self.plan.clip.read(self.plan.sweep.side, self.plan.sweep.limit)

    @cached_property
    def _digest(self) -> bytes:
        whole = hashlib.sha256(f"{self.clip.size} {self.clip.fps}".encode())
        for pixels in self.clip.pixels:
            whole.update(pixels.tobytes())
        return whole.digest()


def _frames_of(
    codec: LowDelayEncoder, coded: CodedClip, size: tuple[int, int]
) -> Callable[[], Iterator[Pixels]]:
    return lambda: codec.decode(coded, *size)


def _code_each(codec: Slim, frames: Sequence[Pixels], quality: float) -> CodedClip:
    """Code every frame by itself, as our base layer does."""
    codec.encode(frames[0], quality)  # networks are loaded, code is compiled
    packets, encode_ms = [], []
    for pixels in frames:
        began = time.process_time()
        packets.append(codec.encode(pixels, quality))
        encode_ms.append(1e3 * (time.process_time() - began))
    return CodedClip(tuple(packets), tuple(range(len(packets))), tuple(encode_ms))


def _packed(found: Sequence[Sequence[Detection]]) -> bytes:
    sights = [Sight(0.0, tuple(detections)).to_bytes() for detections in found]
    return b"".join(_LENGTH.pack(len(sight)) + sight for sight in sights)


def _unpacked(data: bytes) -> Iterator[bytes]:
    place = 0
    while place < len(data):
        (length,) = _LENGTH.unpack_from(data, place)
        place += _LENGTH.size + length
        yield data[place - length : place]
