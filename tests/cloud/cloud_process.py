"""A cloud as a process of its own, that a test may kill."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
START_S_MAX = 900.0  # only a hang is worth failing for: a busy machine may take minutes


def slimstream(*arguments: str) -> list[str]:
    """Return the command line of `slimstream`, installed or not."""
    return [sys.executable, "-c", "from console.main import main; main()", *arguments]


def environment() -> dict[str, str]:
    """Return an environment in which the checkout is importable and threads do not spin."""
    paths = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "proto")])
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


@dataclass
class CloudProcess:
    """A running `slimstream cloud`."""

    process: "subprocess.Popen[bytes]"
    port: int

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def terminate(self) -> int:
        """End it as an operator does; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=START_S_MAX)


def start_cloud_process(
    directory: Path, package: Path, *, port: int = 0, roles: str = "gateway,worker,api", **settings: str
) -> CloudProcess:
    """Start a cloud over `directory` and return when it listens."""
    port_file, log = directory / "port", directory / "cloud.log"
    directory.mkdir(parents=True, exist_ok=True)
    port_file.unlink(missing_ok=True)
    values = {
        "listen.address": f"127.0.0.1:{port}",
        "listen.port_file": str(port_file),
        "store.directory": str(directory / "store"),
        "store.segment_bytes": "1MiB",
        "limits.layer_bytes": "512KiB",
        "worker.models": f"[{package}]",
        "metrics.enabled": "false",
        **{key.replace("__", "."): value for key, value in settings.items()},
    }
    flags = [flag for key, value in values.items() for flag in ("--set", f"{key}={value}")]
    with log.open("ab") as output:
        process = subprocess.Popen(
            slimstream("cloud", "--roles", roles, *flags), env=environment(), stdout=output, stderr=output
        )
    deadline = time.monotonic() + START_S_MAX
    while not (port_file.exists() and port_file.read_text().endswith("\n")):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise AssertionError(f"the cloud did not start: {log.read_text()[-2000:]}")
        time.sleep(0.02)
    return CloudProcess(process, int(port_file.read_text()))


@contextmanager
def cloud_process(
    directory: Path, package: Path, *, port: int = 0, roles: str = "gateway,worker,api", **settings: str
) -> Iterator[CloudProcess]:
    """Run a cloud for the length of the block."""
    cloud = start_cloud_process(directory, package, port=port, roles=roles, **settings)
    try:
        yield cloud
    finally:
        if cloud.process.poll() is None:
            cloud.process.kill()
            cloud.process.wait()
