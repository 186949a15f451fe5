"""The few file operations a segment log needs: the seam where tests inject a failing disk."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class Filesystem(Protocol):
    """What a segment log asks of a disk; every method may raise OSError."""

    def names(self, directory: Path) -> list[str]:
        """Return the names of the files in `directory`."""
        ...

    def create(self, path: Path) -> int:
        """Create `path`, which must not exist, for reading and writing; return its descriptor."""
        ...

    def open(self, path: Path, *, writable: bool = False) -> int:
        """Open the existing file `path`; return its descriptor."""
        ...

    def duplicate(self, descriptor: int) -> int:
        """Return a second descriptor of the same open file, which sees the same write errors."""
        ...

    def close(self, descriptor: int) -> None:
        """Close `descriptor`."""
        ...

    def size_bytes(self, descriptor: int) -> int:
        """Return how long the file is."""
        ...

    def read_at(self, descriptor: int, size_bytes: int, offset: int) -> bytes:
        """Return up to `size_bytes` from `offset`; fewer only at the end of the file."""
        ...

    def write_at(self, descriptor: int, parts: Sequence[bytes], offset: int) -> int:
        """Write `parts` one after the other at `offset`; return how many bytes were taken."""
        ...

    def truncate(self, descriptor: int, size_bytes: int) -> None:
        """Cut the file to `size_bytes`."""
        ...

    def sync(self, descriptor: int) -> None:
        """Put the file's data on stable storage."""
        ...

    def sync_directory(self, directory: Path) -> None:
        """Put the names in `directory` on stable storage."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Replace `target` by `source` in one step."""
        ...

    def remove(self, path: Path) -> None:
        """Remove the file `path`."""
        ...


class LocalFilesystem:
    """The operating system's own files."""

    def names(self, directory: Path) -> list[str]:
        """List `directory`."""
        return [path.name for path in directory.iterdir()]

    def create(self, path: Path) -> int:
        """Create `path`, which must not exist."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)

    def open(self, path: Path, *, writable: bool = False) -> int:
        """Open the existing file `path`."""
        return os.open(path, os.O_RDWR if writable else os.O_RDONLY)

    def duplicate(self, descriptor: int) -> int:
        """`dup`: a fresh `open` might miss a write error that this file has already had."""
        return os.dup(descriptor)

    def close(self, descriptor: int) -> None:
        """`close`."""
        os.close(descriptor)

    def size_bytes(self, descriptor: int) -> int:
        """Ask the operating system."""
        return os.fstat(descriptor).st_size

    def read_at(self, descriptor: int, size_bytes: int, offset: int) -> bytes:
        """Read until `size_bytes` are there or the file ends."""
        data = os.pread(descriptor, size_bytes, offset)
        while len(data) < size_bytes:
            more = os.pread(descriptor, size_bytes - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def write_at(self, descriptor: int, parts: Sequence[bytes], offset: int) -> int:
        """Write in one system call, so that a killed process leaves a prefix and never a mixture."""
        return os.pwritev(descriptor, parts, offset)

    def truncate(self, descriptor: int, size_bytes: int) -> None:
        """Cut the file; its blocks are free at once, whoever else has it open."""
        os.ftruncate(descriptor, size_bytes)

    def sync(self, descriptor: int) -> None:
        """`fdatasync`: data and the size, not the times."""
        os.fdatasync(descriptor)

    def sync_directory(self, directory: Path) -> None:
        """`fsync` of the directory, on file systems that know such a thing."""
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
        finally:
            os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """`rename`, atomic within a directory."""
        source.rename(target)

    def remove(self, path: Path) -> None:
        """`unlink`."""
        path.unlink()
