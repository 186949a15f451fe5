"""Fetch one file whose size and SHA-256 are known, resumed where an earlier try broke off.

What arrives lies beside the target as `NAME.part` until its sum is right, so that no reader ever sees half a
file. Because the sum is known in advance, neither the server nor an old part has to be trusted.
"""

import fcntl
import http.client
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast
from urllib.parse import urlsplit

from shared_models.errors import InputError, LinkError, PackageError, StorageError
from shared_models.packages.third_party import sha256_of

_CHUNK_BYTES: Final = 1 << 16
_TIMEOUT_S: Final = 30.0
"""How long a server may be silent."""
_USER_AGENT: Final = "slimstream"  # some hosts refuse Python's own

Progress = Callable[[int], object]
"""Told how many bytes are there so far."""


@dataclass(frozen=True, slots=True)
class ExpectedFile:
    """What is to arrive; `name` is for messages."""

    name: str
    size_bytes: int
    sha256: str

    def difference(self, path: Path) -> str:
        """Say how `path` differs from this, or nothing; raise OSError."""
        size_bytes = path.stat().st_size
        if size_bytes != self.size_bytes:
            return f"{size_bytes} bytes instead of {self.size_bytes}"
        found = sha256_of(path)
        return "" if found == self.sha256 else f"the SHA-256 {found} instead of {self.sha256}"


def download(url: str, target: Path, expected: ExpectedFile, progress: Progress = lambda _: None) -> None:
    """Fetch `url` into `target`, which is replaced in one step once everything has arrived and is right.

    Raises:
        InputError: the URL is not http or https.
        LinkError: the server cannot be reached, says no or breaks off (the next try resumes), or another
            process is fetching the same file.
        PackageError: what came is another file; nothing is kept of it.
        OSError: the disk does not take it.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise InputError(f"{url} is not an http or https address")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with _held(part) as stream:
        is_resumed = stream.tell() > 0
        difference = _fetch(url, stream, part, expected, progress)
        if difference and is_resumed:  # the old part may be what is wrong
            stream.truncate(0)
            difference = _fetch(url, stream, part, expected, progress)
        if difference:
            part.unlink()
            raise PackageError(
                f"{url} is not the {expected.name} that is expected: it has {difference}; nothing was kept"
            )
        part.replace(target)


def import_file(source: Path, target: Path, expected: ExpectedFile) -> None:
    """Copy a local file to `target` in one step; raise InputError if it is another file, or OSError."""
    if not source.is_file():
        raise InputError(f"there is no file {source}")
    if difference := expected.difference(source):
        raise InputError(f"{source} is not the {expected.name} that is expected: it has {difference}")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with _held(part) as stream, source.open("rb") as original:
        stream.truncate(0)
        shutil.copyfileobj(original, stream)
        _settle(stream)
        part.replace(target)


@contextmanager
def _held(part: Path) -> Iterator[BinaryIO]:
    """Open the part for appending, by one process at a time."""
    with part.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LinkError(f"another process is writing {part} just now; wait for it") from None
        yield stream


def _fetch(url: str, stream: BinaryIO, part: Path, expected: ExpectedFile, progress: Progress) -> str:
    """Complete the part, which `stream` appends to, and say how it differs from what is expected."""
    try:
        _receive(url, stream, expected.size_bytes, progress)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _link_error(url, error) from None
    _settle(stream)
    return expected.difference(part)


def _receive(url: str, stream: BinaryIO, size_bytes: int, progress: Progress) -> None:
    """Append what is missing, one byte more than `size_bytes` at most."""
    have_bytes = stream.seek(0, os.SEEK_END)
    if have_bytes >= size_bytes:
        progress(size_bytes)
        return
    request = urllib.request.Request(url, headers={"User-Agent": _USER_AGENT})  # noqa: S310 - see download
    if have_bytes:
        request.add_header("Range", f"bytes={have_bytes}-")
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310 - see download
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            have_bytes = stream.truncate(0)  # the server starts from the beginning, and so do we
        while have_bytes <= size_bytes:
            data = cast("bytes", response.read1(min(_CHUNK_BYTES, size_bytes + 1 - have_bytes)))
            if not data:
                break
            have_bytes += _write(stream, data)
            progress(min(have_bytes, size_bytes))
    if have_bytes < size_bytes:
        raise http.client.IncompleteRead(b"", size_bytes - have_bytes)


def _write(stream: BinaryIO, data: bytes) -> int:
    try:
        return stream.write(data)
    except OSError as error:  # told apart from what the network raises
        raise StorageError(f"{stream.name} cannot be written: {error.strerror}") from None


def _settle(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())


def _link_error(url: str, error: Exception) -> LinkError:
    if isinstance(error, urllib.error.HTTPError):
        return LinkError(f"{url} answers {error.code} {error.reason}; name another place with --url-base")
    if isinstance(error, http.client.IncompleteRead):
        return LinkError(f"{url} broke off with {error.expected} bytes to come; run it again to go on")
    reason = getattr(error, "reason", error)
    return LinkError(
        f"{url} cannot be fetched: {reason}; without a network, import the file with --model-file"
    )
