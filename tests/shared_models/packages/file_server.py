"""An HTTP server for one file, with the habits that servers have."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """What is served, how, and which ranges were asked for."""

    data: bytes
    status: int = 200
    knows_ranges: bool = True
    breaks_after: int | None = None
    """Bytes after which the connection is closed, once."""
    url: str = ""
    asked: list[str | None] = field(default_factory=list)


@contextmanager
def serving(server: FileServer) -> Iterator[FileServer]:
    """Serve on loopback; `server.url` is where."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers["Range"]
            server.asked.append(wanted)
            if server.status != 200:
                self.send_error(server.status)
                return
            start = int(re.findall(r"\d+", wanted)[0]) if wanted and server.knows_ranges else 0
            body = server.data[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            broken, server.breaks_after = server.breaks_after, None
            self.wfile.write(body if broken is None else body[:broken])

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_port}"
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
