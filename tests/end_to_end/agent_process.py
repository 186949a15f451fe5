"""An agent as a process of its own, over pictures made for the test."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from tests.cloud.cloud_process import environment, slimstream

CAMERA = "street"


def write_pictures(directory: Path, count: int, width: int = 96, height: int = 64) -> Path:
    """Write a directory of pictures in which a bright square moves over a gradient."""
    directory.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[0:height, 0:width]
    for number in range(count):
        picture = np.stack([rows * 3, columns * 2, (rows + columns) % 256], axis=-1).astype(np.uint8)
        left = number * 3 % (width - 16)
        picture[20:36, left : left + 16] = 250
        Image.fromarray(picture).save(directory / f"{number:05}.png")
    return directory


@dataclass
class AgentProcess:
    """A running `slimstream edge`."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def wait(self, timeout_s: float) -> int:
        """Return its exit code; fail with its log if it does not end."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the agent did not end: {self.log.read_text()[-3000:]}") from None


@contextmanager
def agent_process(
    directory: Path,
    package: Path,
    pictures: Path,
    port: int,
    *,
    until_done: bool = False,
) -> Iterator[AgentProcess]:
    """Run an agent for the length of the block; its ring in `directory` stays."""
    directory.mkdir(parents=True, exist_ok=True)
    source = {"kind": "directory", "path": str(pictures), "realtime": False}
    settings = {
        "agent": "agent-1",
        "link": {"target": f"127.0.0.1:{port}", "retry_s_max": "1s"},
        "ring": {"directory": str(directory / "ring"), "budget_bytes": "64MiB"},
        "encoder": {"package": str(package)},
        "metrics": {"enabled": False},
        "defaults": {"frames_per_second": 240},
        "cameras": {CAMERA: {"source": source}},
    }
    (directory / "edge.yaml").write_text(yaml.safe_dump(settings))
    arguments = ["edge", "run", "--config", str(directory / "edge.yaml")]
    log = directory / "edge.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            slimstream(*arguments, *(["--until-done"] if until_done else [])),
            env=environment(),
            stdout=output,
            stderr=output,
        )
    try:
        yield AgentProcess(process, log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
