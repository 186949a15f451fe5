"""Being a well-behaved service: tell systemd how it goes, stop when asked."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

import sdnotify

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class ServiceNotifier:
    """Speaks sd_notify; without systemd every call does nothing."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """Read systemd's wishes from `environment`, the process's own by default."""
        self._environment = os.environ if environment is None else environment
        self._notifier = sdnotify.SystemdNotifier()

    @property
    def watchdog_interval_s(self) -> float | None:
        """How often to call `alive`: half of what systemd allows; None if it does not watch this process."""
        wanted_us = self._environment.get("WATCHDOG_USEC", "")
        watched_pid = self._environment.get("WATCHDOG_PID", str(os.getpid()))
        if not wanted_us.isdecimal() or int(wanted_us) == 0 or watched_pid != str(os.getpid()):
            return None
        return int(wanted_us) / 1e6 / 2

    def ready(self, status: str = "") -> None:
        """Say that the service has started."""
        self._tell("READY=1", status)

    def status(self, status: str) -> None:
        """Set the line that `systemctl status` shows."""
        self._tell("", status)

    def stopping(self, status: str = "") -> None:
        """Say that the service is on its way down."""
        self._tell("STOPPING=1", status)

    def alive(self) -> None:
        """Feed the watchdog."""
        self._tell("WATCHDOG=1", "")

    def _tell(self, state: str, status: str) -> None:
        lines = [line for line in (state, f"STATUS={status}" if status else "") if line]
        self._notifier.notify("\n".join(lines))


@contextmanager
def stop_event() -> Iterator[asyncio.Event]:
    """Yield an event that SIGTERM or SIGINT sets; call it inside a running event loop.

    A second signal ends the process at once: whoever asks twice does not want to wait.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal() -> None:
        stop.set()
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, on_signal)
    try:
        yield stop
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)


async def feed_watchdog(notifier: ServiceNotifier, is_healthy: Callable[[], bool]) -> None:
    """Feed systemd's watchdog while `is_healthy` says so, until cancelled; return at once without one."""
    interval_s = notifier.watchdog_interval_s
    if interval_s is None:
        return
    with suppress(asyncio.CancelledError):
        while True:
            if is_healthy():
                notifier.alive()
            await asyncio.sleep(interval_s)
