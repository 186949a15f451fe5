"""A link that a test can cut: a TCP relay on loopback."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self


class Link:
    """Carries connections to `127.0.0.1:target_port` until it is cut.

    With `cut_after_bytes` it cuts itself once that much went towards the target: where in a stream that is
    does not depend on how fast a machine is.
    """

    def __init__(self, target_port: int, cut_after_bytes: int | None = None) -> None:
        self._target_port = target_port
        self._bytes_left = cut_after_bytes
        self._is_up = True
        self.was_cut = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, name="link", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """End every connection, and take no new one."""
        with self._lock:
            self._is_up = False
            ended, self._open = self._open, set()
        for end in ended:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.was_cut.set()

    def restore(self) -> None:
        """Take connections again."""
        with self._lock:
            self._is_up = True

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if not self._is_up:
                    near.close()
                    continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target_port), timeout=10)
            except OSError:
                near.close()
                continue
            with self._lock:
                is_up = self._is_up  # it may have been cut since the other end was called
                self._open |= {near, far} if is_up else set()
            if not is_up:
                near.close()
                far.close()
                continue
            for ends in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, is_up: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                if is_up and self._is_spent(len(data)):
                    self.cut()
                    break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _is_spent(self, size_bytes: int) -> bool:
        """Whether these bytes are more than the link still carries; asked once, it carries on without end."""
        with self._lock:
            if self._bytes_left is None:
                return False
            self._bytes_left -= size_bytes
            is_spent = self._bytes_left < 0
            if is_spent:
                self._bytes_left = None
            return is_spent
