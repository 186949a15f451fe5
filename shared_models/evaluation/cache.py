"""A content-addressed cache on disk: what was measured once is not measured again.

A key is a hash of everything that decided the value, so a value never goes stale; it is only no longer asked
for. Files are written beside their place and moved there whole, and each carries the hash of its content: a
torn or damaged one reads as absent. Processes may share a directory without agreeing on anything.
"""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

from shared_models.errors import InputError

KeyPart = str | int | float | bytes
_SUM_BYTES: Final = hashlib.sha256().digest_size


def key(*parts: KeyPart) -> str:
    """Hash parts to 64 hex digits; no two lists of parts share one, `1` and `"1"` and `b"1"` included."""
    whole = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else repr(part).encode()
        whole.update(f"{type(part).__name__}:{len(data)}:".encode())
        whole.update(data)
    return whole.hexdigest()


def source_key(*modules: str) -> str:
    """Hash the source of modules and packages, so that what they made is made again once they change."""
    whole = hashlib.sha256()
    for name in modules:
        file = Path(import_module(name).__file__ or "")
        files = sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else [file]
        for path in files:
            whole.update(path.name.encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()


def default_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """Return `slimstream/eval` in the user's cache."""
    home = environment.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "slimstream" / "eval"


class Cache:
    """Values by key, under one directory. Safe across threads and processes."""

    def __init__(self, directory: Path) -> None:
        """Make the directory; raise InputError where that is impossible."""
        self.directory = directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{directory} cannot hold a cache: {error.strerror}; name another") from None

    def get(self, key: str) -> bytes | None:
        """Return what was put under `key`, or None where there is nothing whole."""
        try:
            data = self._path(key).read_bytes()
        except OSError:
            return None
        content = data[_SUM_BYTES:]
        return content if hashlib.sha256(content).digest() == data[:_SUM_BYTES] else None

    def put(self, key: str, content: bytes) -> None:
        """Keep `content` under `key`; raise InputError where the disk refuses."""
        path = self._path(key)
        try:
            path.parent.mkdir(exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
                try:
                    file.write(hashlib.sha256(content).digest() + content)
                    file.close()
                    Path(file.name).replace(path)
                except BaseException:
                    Path(file.name).unlink(missing_ok=True)
                    raise
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror}; name another --cache") from None

    def _path(self, key: str) -> Path:
        return self.directory / key[:2] / key[2:]
