"""The registry: built-in packages first, then the user's, found by name or path."""

import shutil
from pathlib import Path

import pytest

from shared_models.errors import PackageError
from shared_models.packages.package import ModelPackage
from shared_models.packages.registry import (
    import_package,
    open_package,
    package_paths,
    user_directories,
)


@pytest.fixture
def environment(dct_package: ModelPackage, tmp_path: Path) -> dict[str, str]:
    shutil.copytree(dct_package.path, tmp_path / "mine" / "dct")
    return {"SLIMSTREAM_MODELS": str(tmp_path / "mine"), "HOME": str(tmp_path)}


def test_a_package_is_found_by_name_and_by_path(
    environment: dict[str, str], dct_package: ModelPackage, tmp_path: Path
) -> None:
    assert open_package("dct", environment).path == tmp_path / "mine" / "dct"
    assert open_package(str(dct_package.path), environment).path == dct_package.path


def test_an_unknown_name_lists_what_is_installed(environment: dict[str, str]) -> None:
    with pytest.raises(PackageError, match=r"no model package 'slim-9'; installed: .*dct"):
        open_package("slim-9", environment)


def test_a_broken_package_does_not_hide_the_others(
    environment: dict[str, str], dct_package: ModelPackage, tmp_path: Path
) -> None:
    broken = tmp_path / "mine" / "aaa"
    broken.mkdir()
    (broken / "model.json").write_text("{")
    assert broken in list(package_paths(environment))
    assert open_package("dct", environment).fingerprint == dct_package.fingerprint


def test_several_directories_are_searched_in_order(tmp_path: Path) -> None:
    listed = user_directories({"SLIMSTREAM_MODELS": f"{tmp_path}/a:{tmp_path}/b"})
    assert listed == (tmp_path / "a", tmp_path / "b")
    assert user_directories({"XDG_DATA_HOME": "/data"}) == (Path("/data/slimstream/models"),)


def test_an_imported_package_is_checked_and_found(dct_package: ModelPackage, tmp_path: Path) -> None:
    environment = {"SLIMSTREAM_MODELS": str(tmp_path / "new")}
    assert import_package(dct_package.path, environment).path == tmp_path / "new" / "dct"
    assert open_package("dct", environment).fingerprint == dct_package.fingerprint
    with pytest.raises(PackageError, match="is there already"):
        import_package(dct_package.path, environment)
