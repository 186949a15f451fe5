"""Telling coroutines that something was stored, from whatever thread stored it."""

import asyncio


class Bell:
    """Rung by threads, heard by coroutines of one event loop. Rings are counted, so that none is missed."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Be heard in `loop`."""
        self._loop = loop
        self._changed = asyncio.Event()
        self.rings = 0

    def ring(self) -> None:
        """Wake everybody who waits; safe from any thread, and harmless once the loop is closed."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self.rings += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_beyond(self, rings: int, timeout_s: float) -> None:
        """Return when the bell was rung more than `rings` times, or after `timeout_s`."""
        if self.rings > rings:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            return
