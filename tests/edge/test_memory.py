"""How often memory is mapped anew, told by the page faults of a process of its own."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COUNT = """
import resource
from contextlib import nullcontext
import numpy as np
from edge.memory import bound_memory, sparing_memory

bound_memory()
for manner in (nullcontext, sparing_memory):
    with manner():
        np.ones(3 << 20, np.uint8)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(64):
            np.ones(3 << 20, np.uint8)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator is told anything")
def test_a_frames_buffers_are_kept_and_a_pulls_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", COUNT], cwd=ROOT, capture_output=True, text=True, check=True)
    kept, given_back = map(int, done.stdout.split())
    assert kept < 64 <= given_back, (
        "a buffer that is mapped anew faults at least once, however large pages are"
    )
