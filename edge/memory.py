"""Keeping a long-lived process small.

glibc's allocator is told to give back what pictures and tensors took. By default it keeps an arena for each
thread, and after the first large buffer is freed it takes further ones from heaps that it cannot shrink. An
agent has a dozen threads and frees megabytes with every frame. On other C libraries nothing is done, and
nothing needs to be.

What numba needs to compile or load a kernel, it needs once: SciPy, which no kernel here uses, and the code of
LLVM, of which a load touches fifty megabytes.
"""

import ctypes
import mmap
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

# From glibc's malloc.h.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8

_FRAME_BYTES: Final = 8 << 20
"""Buffers from here on are mapped on their own, and unmapped when they are freed.

Those of a frame stay below: mapping them anew for each one took as long as two fifths of its encoding.
"""
_SPARING_BYTES: Final = 128 << 10
"""The same while nothing is to be kept that can be had again; glibc's initial value."""


_COMPILER: Final = "/libllvmlite.so"
_MAPPINGS: Final = Path("/proc/self/smaps")


def leave_scipy_out() -> None:
    """Have imports of SciPy fail in this process; call it before numba is imported.

    Where SciPy is installed, numba takes its bindings to BLAS, in case that a kernel multiplies matrices.
    Kernels here are loops over integers, nothing else in an agent asks for it, and it takes 16 MB.
    """
    sys.modules.setdefault("scipy", None)  # type: ignore[arg-type]  # what the import system takes for absent


def bound_memory() -> None:
    """Set the limits; call it before threads start."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_ARENA_MAX, 2)
    _map_from(_FRAME_BYTES)


@contextmanager
def sparing_memory() -> Iterator[None]:
    """Keep the process small, at the cost of time: for a pull, which takes more than all the rest."""
    _map_from(_SPARING_BYTES)
    give_memory_back()
    try:
        yield
    finally:
        _map_from(_FRAME_BYTES)


def give_memory_back() -> None:
    """Return free memory to the system: something large has just been let go."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def let_go_of_compiler() -> None:
    """Take the pages of LLVM's code out of this process: kernels are compiled or loaded by now.

    They are read from the file again if they are needed again. Only code that nobody has written to is let
    go, so nothing can be lost; where the kernel does not say what is mapped, nothing is done.
    """
    libc = ctypes.CDLL(None)
    with suppress(OSError):
        for start, end in _clean_code(_MAPPINGS.read_text(errors="replace"), _COMPILER):
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)


def _clean_code(mappings: str, library: str) -> list[tuple[int, int]]:
    """Return where unwritten code of a library lies, from what proc(5) calls smaps."""
    found: list[tuple[int, int]] = []
    span: tuple[int, int] | None = None
    for line in mappings.splitlines():
        words = line.split()
        if not words[0].endswith(":"):  # a mapping: address, permissions, ..., path
            is_code = words[1] == "r-xp" and words[-1].endswith(library)
            start, _, end = words[0].partition("-")
            span = (int(start, 16), int(end, 16)) if is_code else None
        elif span is not None and words[0] == "Anonymous:" and words[1] == "0":
            found.append(span)
    return found


def _map_from(size: int) -> None:
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, size)  # setting it also stops glibc from raising it
        libc.mallopt(_M_TRIM_THRESHOLD, size)
