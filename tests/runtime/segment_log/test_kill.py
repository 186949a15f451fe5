"""SIGKILL at random points: nothing that was appended is lost, and the next start is never blocked."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.segment_log import Record, RecordId, SegmentLog, SegmentLogOptions
from tests.runtime.segment_log.doomed_writer import SEGMENT_BYTES, payload_of

ROOT = Path(__file__).parents[3]


def write_until_killed(directory: Path, first: int, lines: int) -> dict[RecordId, int]:
    """Let a child append, kill it after about `lines` records; return the keys it has told of."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.runtime.segment_log.doomed_writer", str(directory), str(first)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(lines)]
    child.send_signal(signal.SIGKILL)
    told += child.stdout.readlines()
    assert child.wait() == -signal.SIGKILL, "the child was alive to the end"
    child.stdout.close()
    keys = {}
    for line in told:
        if line.endswith(b"\n"):
            key, segment, offset = map(int, line.split())
            keys[RecordId(segment, offset)] = key
    return keys


def check_rounds(directory: Path, rounds: int, seed: int) -> None:
    rng = random.Random(seed)
    told: dict[RecordId, int] = {}
    first = 0
    for _ in range(rounds):
        told |= write_until_killed(directory, first, rng.randrange(1, 120))
        options = SegmentLogOptions(segment_bytes=SEGMENT_BYTES, sync_interval_s=None)
        with SegmentLog.open(directory, options) as log:
            held = dict(log.records())
            assert told.keys() <= held.keys(), "every record that the child told of is there"
            for record in held.values():
                key = int(record.key)
                assert record == Record(key % 7, payload_of(key), key % 2, b"%d" % key)
            assert log.stats.damaged == 0
            told = {record_id: int(record.key) for record_id, record in held.items()}
            first = max(told.values()) // 2 * 2 + 2
            if len(told) > 500:
                for segment in log.segments():
                    log.evict_segment(segment.number)
                told = {}


def test_nothing_appended_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    check_rounds(tmp_path, rounds=3, seed=1)


@pytest.mark.slow
def test_nothing_appended_is_lost_in_hundreds_of_kills(tmp_path: Path) -> None:
    check_rounds(tmp_path, rounds=300, seed=2)
