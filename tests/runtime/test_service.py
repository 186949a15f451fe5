"""Signals, and what systemd is told."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator

import pytest

from runtime.service import ServiceNotifier, feed_watchdog, stop_event

PATIENCE_S = 600.0


@pytest.fixture
def systemd(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket that listens where systemd would, in no directory: a path may be too long for one."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("")  # Linux chooses an abstract name
        listener.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + listener.getsockname()[1:].decode())
        yield listener


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_sets_the_event_instead_of_killing(number: signal.Signals) -> None:
    with stop_event() as stop:
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.wait(), PATIENCE_S)
    assert stop.is_set()


def test_systemd_hears_of_start_and_stop(systemd: socket.socket) -> None:
    notifier = ServiceNotifier({})
    notifier.ready("3 cameras")
    notifier.stopping()
    assert systemd.recv(200) == b"READY=1\nSTATUS=3 cameras"
    assert systemd.recv(200) == b"STOPPING=1"


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notifier = ServiceNotifier({})
    notifier.ready()
    notifier.status("well")
    assert notifier.watchdog_interval_s is None


async def test_the_watchdog_is_fed_only_in_good_health(systemd: socket.socket) -> None:
    notifier = ServiceNotifier({"WATCHDOG_USEC": "2000"})
    health = iter([True, False, False])
    seen_all = asyncio.Event()

    def is_healthy() -> bool:
        answer = next(health, None)
        if answer is None:
            seen_all.set()
        return bool(answer)

    feeding = asyncio.create_task(feed_watchdog(notifier, is_healthy))
    await asyncio.wait_for(seen_all.wait(), PATIENCE_S)
    feeding.cancel()
    await feeding
    assert systemd.recv(200) == b"WATCHDOG=1"
    systemd.setblocking(False)
    with pytest.raises(BlockingIOError):
        systemd.recv(200)


def test_a_watchdog_meant_for_another_process_is_not_ours() -> None:
    environment = {"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}
    assert ServiceNotifier(environment).watchdog_interval_s is None
    environment["WATCHDOG_PID"] = str(os.getpid())
    assert ServiceNotifier(environment).watchdog_interval_s == 1.0
