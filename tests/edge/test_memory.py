"""What is mapped anew, told by the page faults of a process of its own, and what is not kept at all."""

import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.memory import _clean_code, let_go_of_compiler
from shared_models.entropy.cdf import cumulative_counts
from shared_models.entropy.rans import RansEncoder
from shared_models.entropy.tables import Table, TableSet

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


def test_scipy_is_absent_for_whoever_asks_later() -> None:
    code = "from edge.memory import leave_scipy_out; leave_scipy_out(); import scipy"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError" in done.stderr


MAPPINGS = """\
7f00-7f10 r--p 00000000 fe:00 11 /site packages/llvmlite/libllvmlite.so
Rss: 4 kB
Anonymous: 0 kB
VmFlags: rd mr mw me
7f10-7f20 r-xp 00001000 fe:00 11 /site packages/llvmlite/libllvmlite.so
Rss: 64 kB
Anonymous: 0 kB
7f20-7f30 r-xp 00002000 fe:00 11 /site packages/llvmlite/libllvmlite.so
Anonymous: 4 kB
7f30-7f40 r-xp 00000000 fe:00 12 /usr/lib/libc.so.6
Anonymous: 0 kB
7f40-7f50 rw-p 00000000 00:00 0
Anonymous: 0 kB
"""


def test_only_the_compilers_code_is_let_go_and_only_where_nobody_wrote_to_it() -> None:
    assert _clean_code(MAPPINGS, "/libllvmlite.so") == [(0x7F10, 0x7F20)]


def test_kernels_work_on_without_their_compiler() -> None:
    tables = TableSet.from_tables([Table(cumulative_counts(np.array([0.5, 0.5])), 0)])
    payloads = []
    for _ in range(2):
        encoder = RansEncoder(tables)
        encoder.push(np.arange(64, dtype=np.int16) % 2, np.zeros(64, np.uint16), np.zeros(64, np.int16))
        payloads.append(encoder.flush())
        let_go_of_compiler()
    assert payloads[0] == payloads[1]
