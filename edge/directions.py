"""Takes what the cloud asks of cameras: checked, taken, kept over restarts, and only then answered."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import structlog

from edge.camera import CameraSettingsNow
from edge.ring import Ring
from edge.wish import Wish
from shared_models.errors import SlimstreamError
from slimstream.v1 import ingest_pb2

ASKED_MAX: Final = 64
"""Changes that may wait; each takes a write to the disk."""
_DIGITS: Final = 4
"""The protocol carries float32: 30.1 comes as 30.100000381."""

log = structlog.get_logger(part="edge.directions")


class Directed(Protocol):
    """A camera as the cloud may direct it."""

    @property
    def settings(self) -> CameraSettingsNow:
        """What is in force now."""
        ...

    def direct(self, wish: Wish) -> None:
        """Go by the wish and, where it asks for nothing, by the configuration; raise InputError."""
        ...


class Directions:
    """Changes cameras on the cloud's behalf, one change after the other."""

    def __init__(self, ring: Ring, names: Sequence[str], cameras: Sequence[Directed | None]) -> None:
        """Take names and cameras in the order of Hello; None for a camera that is not configured."""
        self._ring = ring
        self._names = tuple(names)
        self._cameras = tuple(cameras)
        self._asked: asyncio.Queue[ingest_pb2.Settings] = asyncio.Queue(ASKED_MAX)

    def request(self, settings: ingest_pb2.Settings) -> None:
        """Take a change from the stream; beyond the limit it is passed over, and never answered."""
        try:
            self._asked.put_nowait(settings)
        except asyncio.QueueFull:
            log.warning("settings_passed_over", reason=f"{ASKED_MAX} changes wait already")

    async def serve(self, write: Callable[[ingest_pb2.StreamRequest], Awaitable[None]]) -> None:
        """Make changes and answer them on the agent's stream, until cancelled."""
        self._asked = asyncio.Queue(ASKED_MAX)
        while True:
            settings = await self._asked.get()
            answer = await asyncio.to_thread(self.answer, settings)
            if settings.settings_id:
                await write(ingest_pb2.StreamRequest(settings=answer))

    def answer(self, settings: ingest_pb2.Settings) -> ingest_pb2.SettingsInForce:
        """Make one change, and say what is in force. Writes to the disk."""
        index = settings.camera_index
        camera = self._cameras[index] if index < len(self._cameras) else None
        answer = ingest_pb2.SettingsInForce(settings_id=settings.settings_id)
        if camera is None:
            answer.refusal = f"camera {index} of this agent is not in its configuration"
            return answer
        name = self._names[index]
        try:
            self._change(name, camera, settings)
        except SlimstreamError as error:
            log.warning("settings_refused", camera=name, reason=str(error))
            answer.refusal = str(error)
        now = camera.settings
        answer.quality, answer.width = now.choice.quality, now.choice.width
        answer.frames_per_second = now.frames_per_second
        answer.directed.extend(self._ring.wish(name).named)
        return answer

    def _change(self, name: str, camera: Directed, settings: ingest_pb2.Settings) -> None:
        older = self._ring.wish(name)
        wish = _wish_of(settings).over(Wish() if settings.is_reset else older)
        if wish == older:
            return
        camera.direct(wish)
        try:
            self._ring.keep_wish(name, wish)
        except SlimstreamError:
            camera.direct(older)
            raise
        log.info("settings_changed", camera=name, **{key: getattr(wish, key) for key in wish.named})


def _wish_of(settings: ingest_pb2.Settings) -> Wish:
    def given(name: str) -> float | None:
        return round(getattr(settings, name), _DIGITS) if settings.HasField(name) else None  # type: ignore[arg-type]

    return Wish(given("quality"), given("width"), given("frames_per_second"))
