"""What memory a whole agent takes, with one camera running and while frames are pulled from it.

    python benchmarks/agent_memory.py [CLIP]

Agent and cloud run as processes, as installed; the figures are the agent's, from the kernel. Without a clip
the pictures are synthetic, 640×360.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

COMMAND = (sys.executable, "-c", "from console.main import main; main()")
PULLS = 4
SETTLE_S = 5.0
START_S_MAX = 600.0


def memory_mib(pid: int) -> tuple[float, float]:
    """Return what the process holds now, and the most it ever held, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("VmRSS", "VmHWM"))}
    return int(sizes["VmRSS"]) / 1024, int(sizes["VmHWM"]) / 1024


def write_pictures(directory: Path) -> Path:
    """Write synthetic pictures, with noise so that their packets are of common size."""
    directory.mkdir()
    y, x = np.mgrid[0:360, 0:640]
    random = np.random.default_rng(0)
    for number in range(8):
        waves = np.stack([90 * np.sin((x + 9 * number) / 17), 90 * np.cos(y / 11), (x + y) % 128], -1) + 128
        pixels = (waves + random.normal(0, 12, waves.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(directory / f"{number}.png")
    return directory


def start(stack: ExitStack, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start a process that ends with the stack."""
    process = stack.enter_context(subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.DEVNULL))
    stack.callback(process.terminate)
    return process


def wait_for(is_so: Callable[[], bool]) -> None:
    """Return when something is so; give up after ten minutes."""
    deadline_s = time.monotonic() + START_S_MAX
    while not is_so():
        if time.monotonic() > deadline_s:
            raise SystemExit("agent and cloud did not start in time")
        time.sleep(0.2)


def pulled(server: str, seq: int, quality: str, scratch: Path) -> str | None:
    """Pull a frame and return its size; None if it cannot be had."""
    path = scratch / f"{seq}.png"
    pull = [
        *COMMAND,
        "pull",
        "cam",
        "--seq",
        str(seq),
        "--quality",
        quality,
        "--server",
        server,
        "--timeout",
        "120",
    ]
    done = subprocess.run([*pull, "-o", str(path)], capture_output=True, check=False)
    if done.returncode:
        return None
    with Image.open(path) as picture:
        return "×".join(map(str, picture.size))


def measure(clip: Path | None, scratch: Path) -> None:
    """Run both processes, pull, and print."""
    kind, path = ("file", clip) if clip else ("directory", write_pictures(scratch / "pictures"))
    with ExitStack() as stack:
        settings = [f"store.directory={scratch}/store", f"listen.port_file={scratch}/port"]
        settings += ["listen.address=127.0.0.1:0", "metrics.enabled=false", "worker.paths=[]"]
        start(stack, "cloud", *(flag for each in settings for flag in ("--set", each)))
        wait_for((scratch / "port").exists)
        server = f"127.0.0.1:{(scratch / 'port').read_text().strip()}"
        config = {
            "link": {"target": server},
            "ring": {"directory": str(scratch / "ring"), "budget_bytes": "256MiB"},
            "metrics": {"port": 0},
            "cameras": {"cam": {"source": {"kind": kind, "path": str(path), "loop": True}}},
        }
        (scratch / "edge.yaml").write_text(yaml.safe_dump(config))
        agent = start(stack, "edge", "run", "--config", f"{scratch}/edge.yaml")
        wait_for(lambda: pulled(server, 0, "preview", scratch) is not None)
        time.sleep(SETTLE_S)
        now, peak = memory_mib(agent.pid)
        print(f"one camera running:  {now:.0f} MiB, at most {peak:.0f}")
        for seq in range(PULLS):
            size = pulled(server, seq, "full", scratch)
            if size is None:
                raise SystemExit(f"frame {seq} could not be pulled")
        now, peak = memory_mib(agent.pid)
        print(f"after {PULLS} full pulls:  {now:.0f} MiB, at most {peak:.0f} ({size})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path, nargs="?")
    with tempfile.TemporaryDirectory() as directory:
        measure(parser.parse_args().clip, Path(directory))
