"""The same faults from a real kernel: a tmpfs that fills up, syncs that strace lets fail; many threads."""

import os
import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from runtime.segment_log import RecordId, SegmentLog, SegmentLogOptions
from shared_models.errors import NotHeldError

ROOT = Path(__file__).parents[3]

FILL_A_SMALL_DISK = """
import sys
from pathlib import Path
from runtime.segment_log import SegmentLog, SegmentLogOptions
directory = Path(sys.argv[1])
with SegmentLog.open(directory, SegmentLogOptions(segment_bytes=64 * 1024)) as log:
    ids = [log.append(1, bytes(5000), key=b"%d" % i) for i in range(1000)]
    held = [int(header.key) for _, header in log.headers()]
    assert log.stats.disk_full > 0, "the disk was never full"
    assert held == list(range(held[0], 1000)), "the newest are kept, without holes"
    assert len(held) > 100, "only what was needed is given up"
with SegmentLog.open(directory, SegmentLogOptions(segment_bytes=64 * 1024)) as log:
    assert [int(header.key) for _, header in log.headers()] == held
print("kept", len(held))
"""

SYNC_ON_A_BAD_DISK = """
import sys
from pathlib import Path
from runtime.segment_log import SegmentLog, SegmentLogOptions
from shared_models.errors import StorageError
acknowledged = 0
with SegmentLog.open(Path(sys.argv[1]), SegmentLogOptions(sync_interval_s=None)) as log:
    for i in range(20):
        try:
            record_id = log.append_durable(1, b"%d" % i)
        except StorageError:
            continue
        acknowledged += 1
        assert log.is_durable(record_id)
    errors = log.stats.sync_errors
    assert [int(record.payload) for _, record in log.records()] == list(range(20))
print("acknowledged", acknowledged, "errors", errors)
"""


def can_run(*command: str) -> bool:
    return (
        shutil.which(command[0]) is not None
        and subprocess.run(command, check=False, capture_output=True).returncode == 0
    )


def run(*command: str) -> str:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_small_disk_fills_up_and_the_log_stays_up(tmp_path: Path) -> None:
    mount = f"mount -t tmpfs -o size=1m tmpfs {tmp_path}"
    if not can_run("unshare", "-rm", "sh", "-c", mount):
        pytest.skip("this machine does not let an ordinary process mount a tmpfs of its own")
    script = tmp_path.parent / f"{tmp_path.name}.py"
    script.write_text(FILL_A_SMALL_DISK)
    command = f"{mount} && exec {sys.executable} {script} {tmp_path}/log"
    assert run("unshare", "-rm", "sh", "-c", command).startswith("kept ")


def test_syncs_that_the_kernel_fails_are_never_acknowledged_falsely(tmp_path: Path) -> None:
    if not can_run("strace", "-o", os.devnull, "true"):
        pytest.skip("strace is absent, or may not trace here")
    script = tmp_path / "sync.py"
    script.write_text(SYNC_ON_A_BAD_DISK)
    failing = "inject=fdatasync:error=EIO:when=3..30+3"
    output = run(
        "strace", "-f", "-o", os.devnull, "-e", failing, sys.executable, str(script), f"{tmp_path}/log"
    )
    words = output.split()
    assert int(words[1]) == 20, "every failed sync was repaired by writing the data anew"
    assert int(words[3]) > 3


def test_threads_append_read_and_evict_at_once(tmp_path: Path) -> None:
    options = SegmentLogOptions(segment_bytes=16 * 1024, budget_bytes=128 * 1024, sync_interval_s=0.001)
    log = SegmentLog.open(tmp_path, options, on_evicted=lambda records: None)
    written: dict[RecordId, bytes] = {}
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        rng = random.Random(seed)
        try:
            for i in range(400):
                payload = b"%d/%d/" % (seed, i) + bytes(rng.randrange(700))
                written[log.append(1, payload, importance=rng.randrange(3))] = payload
                record_id = rng.choice(list(written))
                try:
                    assert log.read(record_id).payload == written[record_id]
                except NotHeldError:
                    continue
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {i: r.payload for i, r in log.records()}.items() <= written.items()
    assert log.stats.size_bytes <= 128 * 1024
    log.close()


def test_two_processes_do_not_share_a_log(tmp_path: Path) -> None:
    with SegmentLog.open(tmp_path):
        script = (
            "import sys; from pathlib import Path; from runtime.segment_log import SegmentLog\n"
            "try: SegmentLog.open(Path(sys.argv[1]))\n"
            "except Exception as error: print(type(error).__name__, error)"
        )
        assert "StorageError another process" in run(sys.executable, "-c", script, str(tmp_path))
    SegmentLog.open(tmp_path).close()
