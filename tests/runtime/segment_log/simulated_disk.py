"""A disk in memory that fails as real ones do: full, refusing to sync, losing power, flipping bits.

It keeps what Linux keeps: a page cache that every reader sees, and stable storage that a power loss leaves.
After a failed sync the dirty pages count as clean though they never reached the disk (fsync-gate).
"""

import errno
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class SimulatedFile:
    """One inode: what readers see, what is stable, and the writes in between."""

    cached: bytearray = field(default_factory=bytearray)
    stable: bytearray = field(default_factory=bytearray)
    dirty: list[tuple[int, bytes | None]] = field(
        default_factory=list
    )  # (offset, data), or (size, None) to cut

    def change(self, offset: int, data: bytes | None) -> None:
        _apply(self.cached, offset, data)
        self.dirty.append((offset, data))


class SimulatedDisk:
    """Implements Filesystem. `capacity_bytes`, `failing_syncs` and `is_dead` are the test's to set."""

    def __init__(self) -> None:
        self.capacity_bytes: int | None = None
        self.failing_syncs = 0
        self.is_dead = False
        self.syncs = 0
        self.files: dict[Path, SimulatedFile] = {}
        self.stable_names: dict[Path, SimulatedFile] = {}
        self._open: dict[int, SimulatedFile] = {}
        self._descriptors = itertools.count(1000)

    # Faults

    def after_kill(self) -> "SimulatedDisk":
        """Return the disk as the next process finds it; this one only fails from now on."""
        self.is_dead = True
        disk = SimulatedDisk()
        disk.files, disk.stable_names = self.files, self.stable_names
        disk.capacity_bytes = self.capacity_bytes
        return disk

    def after_power_loss(self, rng: random.Random) -> "SimulatedDisk":
        """Return the disk after a reboot: any part of what was not synced may be there, torn or not."""
        disk = self.after_kill()
        survivors: dict[Path, SimulatedFile] = {}
        for path in sorted({*self.files, *self.stable_names}):
            sources = [source.get(path) for source in (self.files, self.stable_names)]
            file = rng.choice(sources) if sources[0] is not sources[1] else sources[0]
            if file is not None:
                survivors[path] = SimulatedFile(_what_survives(file, rng))
        for file in survivors.values():
            file.stable = bytearray(file.cached)
        disk.files, disk.stable_names = survivors, dict(survivors)
        return disk

    def drop_caches(self) -> bool:
        """Forget clean pages: readers see what is stable and what is still dirty; sizes are not pages.

        Say whether that lost data which a failed sync had called clean.
        """
        before = [bytes(file.cached) for file in self.files.values()]
        for file in self.files.values():
            size = len(file.cached)
            file.cached = bytearray(file.stable)
            for offset, data in file.dirty:
                _apply(file.cached, offset, data)
            file.cached = (file.cached + bytes(size))[:size]
        return before != [bytes(file.cached) for file in self.files.values()]

    def flip_bit(self, path: Path, position: int) -> None:
        file = self.files[path]
        byte, bit = divmod(position, 8)
        for image in (file.cached, file.stable):
            if byte < len(image):
                image[byte] ^= 1 << bit

    @property
    def used_bytes(self) -> int:
        return sum(len(file.cached) for file in self.files.values())

    def sizes(self) -> dict[str, int]:
        return {path.name: len(file.cached) for path, file in self.files.items()}

    # Filesystem

    def names(self, directory: Path) -> list[str]:
        return [path.name for path in self.files if path.parent == directory]

    def create(self, path: Path) -> int:
        self._check_alive()
        if path in self.files:
            raise FileExistsError(errno.EEXIST, "exists", str(path))
        self.files[path] = SimulatedFile()
        return self._descriptor_of(self.files[path])

    def open(self, path: Path, *, writable: bool = False) -> int:
        self._check_alive()
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return self._descriptor_of(self.files[path])

    def duplicate(self, descriptor: int) -> int:
        return self._descriptor_of(self._open[descriptor])

    def close(self, descriptor: int) -> None:
        del self._open[descriptor]

    def size_bytes(self, descriptor: int) -> int:
        return len(self._open[descriptor].cached)

    def read_at(self, descriptor: int, size_bytes: int, offset: int) -> bytes:
        self._check_alive()
        return bytes(self._open[descriptor].cached[offset : offset + size_bytes])

    def write_at(self, descriptor: int, parts: Sequence[bytes], offset: int) -> int:
        self._check_alive()
        data = b"".join(parts)
        file = self._open[descriptor]
        if self.capacity_bytes is not None:
            growth = max(0, offset + len(data) - len(file.cached))
            free = self.capacity_bytes - self.used_bytes
            if growth and free <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            data = data[: len(data) - max(0, growth - free)]
        file.change(offset, data)
        return len(data)

    def truncate(self, descriptor: int, size_bytes: int) -> None:
        self._check_alive()
        self._open[descriptor].change(size_bytes, None)

    def sync(self, descriptor: int) -> None:
        self._check_alive()
        file = self._open[descriptor]
        self.syncs += 1
        if self.failing_syncs:
            self.failing_syncs -= 1
            file.dirty.clear()
            raise OSError(errno.EIO, "Input/output error")
        for offset, data in file.dirty:
            _apply(file.stable, offset, data)
        file.dirty.clear()

    def sync_directory(self, directory: Path) -> None:
        self._check_alive()
        if self.failing_syncs:
            self.failing_syncs -= 1
            raise OSError(errno.EIO, "Input/output error")
        self.stable_names = dict(self.files)

    def rename(self, source: Path, target: Path) -> None:
        self._check_alive()
        self.files[target] = self.files.pop(source)

    def remove(self, path: Path) -> None:
        self._check_alive()
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        del self.files[path]

    def _descriptor_of(self, file: SimulatedFile) -> int:
        descriptor = next(self._descriptors)
        self._open[descriptor] = file
        return descriptor

    def _check_alive(self) -> None:
        if self.is_dead:
            raise OSError(errno.EIO, "the process that used this disk is dead")


def _apply(image: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del image[offset:]
    if len(image) < offset:
        image.extend(bytes(offset - len(image)))
    if data is None:
        return
    image[offset : offset + len(data)] = data


def _what_survives(file: SimulatedFile, rng: random.Random) -> bytearray:
    image = bytearray(file.stable)
    for offset, data in file.dirty:
        fate = rng.random()
        if fate < 0.4:
            _apply(image, offset, data)
        elif fate < 0.6 and data is not None:
            _apply(image, offset, data[: rng.randrange(len(data) + 1)])
    return image
