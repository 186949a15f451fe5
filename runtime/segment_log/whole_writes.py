"""Writes that take everything or fail: a disk may take less than it was given."""

import contextlib
import errno
from collections.abc import Sequence
from typing import Final

from runtime.segment_log.filesystem import Filesystem

_COPY_BYTES: Final = 1 << 20


def append_whole(filesystem: Filesystem, descriptor: int, parts: Sequence[bytes], end: int) -> None:
    """Write `parts` at `end`, the file's end; raise OSError and leave the end where it was."""
    rest = parts
    written, wanted = 0, sum(map(len, parts))
    try:
        while written < wanted:
            written += _write(filesystem, descriptor, rest, end + written)
            if written < wanted:
                rest = [b"".join(parts)[written:]]
    except OSError:
        if written:
            with contextlib.suppress(OSError):  # what stays is overwritten by the next record
                filesystem.truncate(descriptor, end)
        raise


def copy_whole(filesystem: Filesystem, source: int, target: int, end: int) -> None:
    """Write what `source` holds before `end` to the same place in `target`, which may be the same file."""
    offset = 0
    while offset < end:
        data = filesystem.read_at(source, min(_COPY_BYTES, end - offset), offset)
        if not data:
            raise OSError(errno.EIO, "a segment has become shorter")
        offset += _write(filesystem, target, [data], offset)


def _write(filesystem: Filesystem, descriptor: int, parts: Sequence[bytes], offset: int) -> int:
    taken = filesystem.write_at(descriptor, parts, offset)
    if taken == 0:
        raise OSError(errno.ENOSPC, "the disk took no bytes")
    return taken
