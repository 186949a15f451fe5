"""`slimstream models`."""

import json
import shutil
from pathlib import Path

import pytest

from shared_models.packages.package import ModelPackage
from tests.console.conftest import CommandLine


def test_installed_packages_are_listed_with_their_fingerprints(
    slimstream: CommandLine, dct_package: ModelPackage
) -> None:
    rows = {row["name"]: row for row in json.loads(slimstream("models", "list", "--json").out)}
    assert rows["dct"]["fingerprint"] == dct_package.manifest.fingerprint
    assert "dct" in slimstream("models", "list").out


def test_a_broken_package_is_listed_as_broken(
    slimstream: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "model.json").write_text("{}")
    monkeypatch.setenv("SLIMSTREAM_MODELS", str(tmp_path))
    rows = json.loads(slimstream("models", "list", "--json").out)
    assert any("not a model manifest" in row.get("error", "") for row in rows)


def test_show_prints_the_manifest(slimstream: CommandLine) -> None:
    assert json.loads(slimstream("models", "show", "dct", "--json").out)["family"] == "slim"
    assert "encoder_w025" in slimstream("models", "show", "dct").out


def test_verify_checks_every_part(slimstream: CommandLine, dct_package: ModelPackage, tmp_path: Path) -> None:
    assert "parts match" in slimstream("models", "verify", "dct").out
    copy = Path(shutil.copytree(dct_package.path, tmp_path / "copy"))
    (copy / "full.onnx").write_bytes(b"")
    result = slimstream("models", "verify", copy)
    assert result.code == 2
    assert "full.onnx does not match its SHA-256" in result.err


def test_import_installs_a_package(slimstream: CommandLine, dct_package: ModelPackage) -> None:
    again = slimstream("models", "import", dct_package.path)
    assert again.code == 2
    assert "is there already" in again.err
