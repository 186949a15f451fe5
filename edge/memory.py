"""Keeping a long-lived process small: glibc's allocator is told to give back what pictures and tensors took.

By default it keeps an arena for each thread, and after the first large buffer is freed it takes further ones
from heaps that it cannot shrink. An agent has a dozen threads and frees megabytes with every frame. On other
C libraries nothing is done, and nothing needs to be.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
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


def _map_from(size: int) -> None:
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, size)  # setting it also stops glibc from raising it
        libc.mallopt(_M_TRIM_THRESHOLD, size)
