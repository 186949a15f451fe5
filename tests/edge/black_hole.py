"""A TCP relay that can swallow everything without closing: a link that is cut and tells nobody."""

import asyncio
import contextlib


class Relay:
    """Passes bytes both ways between an agent and a port, until `swallow`."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.port = 0
        self.connections = 0
        self._is_swallowing = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen on loopback."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def swallow(self) -> None:
        """Let nothing more through on the connections that are open; later ones work."""
        self._is_swallowing.set()
        self._is_swallowing = asyncio.Event()

    async def stop(self) -> None:
        """Close everything."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        swallowing = self._is_swallowing
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        for source, sink in ((reader, upstream_writer), (upstream_reader, writer)):
            task = asyncio.create_task(_pump(source, sink, swallowing))
            self._tasks.add(task)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, swallowing: asyncio.Event) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            if not swallowing.is_set():
                sink.write(data)
                await sink.drain()
    if not swallowing.is_set():
        sink.close()
