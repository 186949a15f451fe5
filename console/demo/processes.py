"""The demo's two processes: a cloud and an agent on loopback, started, watched and ended."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared_models.errors import InputError, SlimstreamError

START_S_MAX = 300.0
STOP_S_MAX = 15.0
POLL_S = 0.05


class Part:
    """One child process of the demo."""

    def __init__(self, name: str, config: Mapping[str, Any], folder: Path) -> None:
        """Start `slimstream NAME`; its configuration (JSON is YAML) and its log go to `folder`."""
        self.name = name
        self.log = folder / f"{name}.log"
        path = folder / f"{name}.yaml"
        path.write_text(json.dumps(config, indent=2))
        command = [sys.executable, "-m", "console", name, "--config", str(path)]
        environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment
            )

    def check(self) -> None:
        """Raise InputError, or SlimstreamError, with the log's last line when the process ended by itself."""
        if self.process.poll() is not None:
            lines = self.log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
            if self.process.returncode == InputError.exit_code:  # it does not take what the user asked for
                raise InputError(f"the demo's {self.name} says: {lines[-1].removeprefix('slimstream: ')}")
            raise SlimstreamError(
                f"the demo's {self.name} ended with exit code {self.process.returncode}: {lines[-1]} "
                f"(all of it: {self.log})"
            )

    def stop(self) -> None:
        """Ask the process to end, and make it end when it does not."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def running(name: str, config: Mapping[str, Any], folder: Path) -> Iterator[Part]:
    """Run a part for as long as the block lasts."""
    part = Part(name, config, folder)
    try:
        yield part
    finally:
        part.stop()


def wait_for_port(part: Part, port_file: Path) -> int:
    """Return the port that a cloud says it listens on; raise SlimstreamError when it never does."""
    end_s = time.monotonic() + START_S_MAX
    while time.monotonic() < end_s:
        part.check()
        if port_file.exists() and (text := port_file.read_text().strip()):
            return int(text)
        time.sleep(POLL_S)
    raise SlimstreamError(f"the demo's {part.name} did not listen within {START_S_MAX:.0f} s; see {part.log}")


def cloud_config(work: Path) -> dict[str, Any]:
    """Return a cloud that takes a free port on loopback and detects on every frame."""
    return {
        "listen": {"address": "127.0.0.1:0", "port_file": str(work / "port")},
        "store": {"directory": str(work / "cloud")},
        "worker": {"paths": ["detect"], "batch_max": 4},
        "metrics": {"enabled": False},
    }


def agent_config(
    work: Path, port: int, source: Mapping[str, Any], camera: Mapping[str, Any], name: str
) -> dict[str, Any]:
    """Return an agent with one camera that talks to the cloud at `port`."""
    settings = {key: value for key, value in camera.items() if value is not None}
    return {
        "agent": "demo",
        "link": {"target": f"127.0.0.1:{port}"},
        "ring": {"directory": str(work / "ring")},
        "metrics": {"enabled": False},
        "cameras": {name: {"source": dict(source), **settings}},
    }
