"""Model packages: what is written is read, and what was changed is refused by name."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from shared_models.errors import PackageError
from shared_models.packages.manifest import parse_manifest
from shared_models.packages.package import ModelPackage
from shared_models.packages.writer import copy_package
from tests.dct_package import write_dct_package


@pytest.fixture
def copied(dct_package: ModelPackage, tmp_path: Path) -> Path:
    return Path(shutil.copytree(dct_package.path, tmp_path / "copied"))


def edit_manifest(directory: Path, **changes: object) -> None:
    path = directory / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def zipped(directory: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in directory.iterdir():
            archive.write(file, file.name)
    return target


def test_a_package_written_twice_is_the_same_bytes(dct_package: ModelPackage, tmp_path: Path) -> None:
    again = write_dct_package(tmp_path / "again")
    for file in dct_package.path.iterdir():
        assert file.read_bytes() == (again.path / file.name).read_bytes(), file.name


def test_a_zip_of_a_package_reads_like_its_directory(dct_package: ModelPackage, tmp_path: Path) -> None:
    package = ModelPackage.open(zipped(dct_package.path, tmp_path / "dct.zip"))
    package.verify()
    assert package.manifest == dct_package.manifest
    assert package.read("preview") == dct_package.read("preview")


def test_tensors_come_back_with_their_types(dct_package: ModelPackage) -> None:
    gains = dct_package.tensors("gains")
    assert gains["base_log_gain"].shape == (101, 64)
    assert gains["base_log_gain"].dtype == np.float32


@pytest.mark.parametrize("part", ["preview", "tables", "gains"])
def test_one_flipped_bit_in_a_part_is_refused_by_name(copied: Path, part: str) -> None:
    package = ModelPackage.open(copied)
    path = copied / package.manifest.parts[part].file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(PackageError, match=path.name):
        package.read(part)
    with pytest.raises(PackageError, match=path.name):
        package.verify()


def test_a_part_that_grew_is_refused_without_reading_it_all(copied: Path) -> None:
    package = ModelPackage.open(copied)
    with (copied / "preview.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(PackageError, match=r"preview\.onnx does not match"):
        package.read("preview")


def test_a_missing_part_names_its_file(copied: Path) -> None:
    (copied / "full.onnx").unlink()
    with pytest.raises(PackageError, match=r"holds no full\.onnx"):
        ModelPackage.open(copied).read("full")


def test_a_part_nobody_wrote_lists_those_there_are(dct_package: ModelPackage) -> None:
    with pytest.raises(PackageError, match="no part 'segment'; it has classify, detect"):
        dct_package.read("segment")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "format"),
        ({"surprise": 1}, "surprise"),
        ({"name": "../up"}, "name"),
        ({"fingerprint": "00"}, "fingerprint"),
        ({"limits": {"side_px_min": 0, "side_px_max": 9}}, r"limits\.side_px_min"),
        ({"config": {}}, "contents give"),
        ({"family": "mpa"}, "contents give"),
    ],
)
def test_a_wrong_key_of_the_manifest_is_named(copied: Path, change: dict[str, object], said: str) -> None:
    edit_manifest(copied, **change)
    with pytest.raises(PackageError, match=said):
        ModelPackage.open(copied)


@pytest.mark.parametrize("file", ["../etc/passwd", "/etc/passwd", "a/b", "", "..", "model.json"])
def test_no_part_can_lie_outside_the_package(copied: Path, file: str) -> None:
    manifest = json.loads((copied / "model.json").read_text())
    manifest["parts"]["preview"]["file"] = file
    with pytest.raises(PackageError):
        parse_manifest(json.dumps(manifest).encode(), "here")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff", b"{}" * 600_000])
def test_bytes_that_are_no_manifest_are_refused(data: bytes) -> None:
    with pytest.raises(PackageError, match="here"):
        parse_manifest(data, "here")


def test_a_directory_without_manifest_is_no_package(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"holds no model\.json"):
        ModelPackage.open(tmp_path)
    (tmp_path / "file.zip").write_bytes(b"PK nothing")
    with pytest.raises(PackageError, match="neither a directory nor a zip file"):
        ModelPackage.open(tmp_path / "file.zip")


def test_the_fingerprint_depends_on_what_decodes_and_on_nothing_else(copied: Path) -> None:
    before = ModelPackage.open(copied)
    manifest = json.loads((copied / "model.json").read_text())
    manifest["card"] = {"changed": True}
    manifest["parts"]["preview"]["sha256"] = "0" * 64
    (copied / "model.json").write_text(json.dumps(manifest))
    assert ModelPackage.open(copied).fingerprint == before.fingerprint
    manifest["parts"]["tables"]["sha256"] = "0" * 64
    (copied / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(PackageError, match="states fingerprint"):
        ModelPackage.open(copied)


def test_a_copy_takes_the_parts_and_nothing_beside_them(copied: Path, tmp_path: Path) -> None:
    (copied / "stray.txt").write_text("not a part")
    copy = copy_package(ModelPackage.open(copied), tmp_path / "copy")
    assert copy.manifest == ModelPackage.open(copied).manifest
    assert not (copy.path / "stray.txt").exists()
