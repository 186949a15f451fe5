"""Write a model package from its parts."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from shared_models.packages.fingerprint import fingerprint
from shared_models.packages.manifest import FORMAT, MANIFEST_FILE, FrameLimits, Manifest, PartInfo
from shared_models.packages.package import ModelPackage


@dataclass(frozen=True, slots=True)
class PartFile:
    """A part to be written: its file name, its bytes, and whether bits become latents through it."""

    file: str
    data: bytes
    is_decoding: bool = False

    def info(self) -> PartInfo:
        """Return the manifest's entry for this part."""
        return PartInfo(
            file=self.file,
            sha256=hashlib.sha256(self.data).hexdigest(),
            size_bytes=len(self.data),
            is_decoding=self.is_decoding,
        )


def write_package(
    directory: Path,
    *,
    name: str,
    family: str,
    config: dict[str, JsonValue],
    runtime: dict[str, JsonValue],
    limits: FrameLimits,
    parts: Mapping[str, PartFile],
    card: dict[str, JsonValue],
) -> ModelPackage:
    """Write all files and then `model.json`, with sums and fingerprint, and return the package opened.

    Files of an earlier package in `directory` that this one does not name are removed. Raises OSError, and
    pydantic's ValidationError for names or values that the manifest forbids.
    """
    infos = {part: parts[part].info() for part in sorted(parts)}
    manifest = Manifest(
        format=FORMAT,
        name=name,
        family=family,
        fingerprint=fingerprint(family, config, infos).hex(),
        config=config,
        runtime=runtime,
        limits=limits,
        parts=infos,
        card=card,
    )
    directory.mkdir(parents=True, exist_ok=True)
    _remove_stale(directory, keep={part.file for part in parts.values()})
    for part in parts.values():
        (directory / part.file).write_bytes(part.data)
    (directory / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return ModelPackage.open(directory)


def copy_package(package: ModelPackage, directory: Path) -> ModelPackage:
    """Write the same package, checked part by part, as a directory; raise PackageError or OSError."""
    manifest = package.manifest
    parts = {
        name: PartFile(info.file, package.read(name), info.is_decoding)
        for name, info in manifest.parts.items()
    }
    return write_package(
        directory,
        name=manifest.name,
        family=manifest.family,
        config=manifest.config,
        runtime=manifest.runtime,
        limits=manifest.limits,
        parts=parts,
        card=manifest.card,
    )


def _remove_stale(directory: Path, keep: set[str]) -> None:
    manifest = directory / MANIFEST_FILE
    if not manifest.exists():
        return
    for part in ModelPackage.open(directory).manifest.parts.values():
        if part.file not in keep:
            (directory / part.file).unlink(missing_ok=True)
    manifest.unlink()  # until the new one is complete there is no package here
