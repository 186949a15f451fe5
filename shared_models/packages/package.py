"""A model package on disk, opened: a directory, or a zip of one. Reading it never runs code."""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from shared_models.errors import PackageError
from shared_models.packages.fingerprint import fingerprint
from shared_models.packages.manifest import (
    MANIFEST_BYTES_MAX,
    MANIFEST_FILE,
    Manifest,
    PartInfo,
    parse_manifest,
)

Tensors: TypeAlias = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class ModelPackage:
    """The manifest, and where its parts are. A part is read and checked when it is asked for."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: Path) -> "ModelPackage":
        """Read `model.json` of a directory or zip; raise PackageError if it or its fingerprint is wrong."""
        where = f"{path / MANIFEST_FILE}"
        manifest = parse_manifest(_read_file(path, MANIFEST_FILE, MANIFEST_BYTES_MAX), where)
        expected = fingerprint(manifest.family, manifest.config, manifest.parts).hex()
        if expected != manifest.fingerprint:
            raise PackageError(
                f"{where} states fingerprint {manifest.fingerprint} and its contents give {expected}; "
                "the package was edited by hand or damaged: install it again"
            )
        return cls(path, manifest)

    @property
    def name(self) -> str:
        """What people call this package, e.g. `slim-1`."""
        return self.manifest.name

    @property
    def fingerprint(self) -> bytes:
        """First 8 bytes of SHA-256 over everything that affects decoding."""
        return bytes.fromhex(self.manifest.fingerprint)

    def __contains__(self, part: str) -> bool:
        return part in self.manifest.parts

    def read(self, part: str) -> bytes:
        """Return the bytes of a part, checked against size and SHA-256; raise PackageError."""
        info = self._info(part)
        data = _read_file(self.path, info.file, info.size_bytes)
        if len(data) != info.size_bytes or hashlib.sha256(data).hexdigest() != info.sha256:
            raise PackageError(
                f"{self.path / info.file} does not match its SHA-256 in model.json; install the package again"
            )
        return data

    def tensors(self, part: str) -> Tensors:
        """Return the arrays of a safetensors part by name; raise PackageError."""
        try:
            return safetensors.numpy.load(self.read(part))
        except SafetensorError as error:
            file = self.path / self._info(part).file
            raise PackageError(f"{file} is not a safetensors file: {error}") from None

    def verify(self) -> None:
        """Read and check every part; raise PackageError for the first that does not match."""
        for part in self.manifest.parts:
            self.read(part)

    def _info(self, part: str) -> PartInfo:
        info = self.manifest.parts.get(part)
        if info is None:
            raise PackageError(
                f"the model package {self.path} has no part {part!r}; it has {', '.join(self.manifest.parts)}"
            )
        return info


def _read_file(path: Path, file: str, size_bytes_max: int) -> bytes:
    """Return the whole of `file`, or one byte more than `size_bytes_max` if it is longer than that."""
    try:
        if path.is_dir():
            with (path / file).open("rb") as stream:
                return stream.read(size_bytes_max + 1)
        with zipfile.ZipFile(path) as archive, archive.open(file) as member:
            return member.read(size_bytes_max + 1)
    except FileNotFoundError:
        if path.exists():
            raise PackageError(f"{path} holds no {file}; it is not a whole model package") from None
        raise PackageError(f"there is no {path}; give a model package, a directory or a zip file") from None
    except KeyError:
        raise PackageError(f"{path} holds no {file}; it is not a whole model package") from None
    except zipfile.BadZipFile:
        raise PackageError(f"{path} is no model package: it is neither a directory nor a zip file") from None
    except (OSError, NotImplementedError, RuntimeError) as error:
        raise PackageError(f"{path / file} cannot be read: {error}") from None
