"""One distribution, short import names, and nobody else's files under them."""

import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OUR_NAMES = {"edge", "cloud", "shared_models", "runtime", "console", "slimstream"}


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if "==" in line)
    return {name.lower().replace("_", "-"): version for name, version in pairs}


def test_no_dependency_ships_a_package_with_one_of_our_names() -> None:
    thieves = {
        distribution.metadata["Name"]
        for distribution in metadata.distributions()
        if distribution.metadata["Name"].lower() != "slimstream"
        for file in distribution.files or ()
        if file.parts[0] in OUR_NAMES
    }
    assert thieves == set()


@pytest.mark.parametrize("extra", sorted(PYPROJECT["project"]["optional-dependencies"]))
def test_every_dependency_is_pinned_in_the_constraints(extra: str) -> None:
    wanted = PYPROJECT["project"]["dependencies"] + PYPROJECT["project"]["optional-dependencies"][extra]
    names = {text.split(">")[0].split("[")[0].strip().lower() for text in wanted}
    gpu_builds = {"onnxruntime-gpu"}  # same code as its sibling; exclusive with it
    assert names - {"slimstream"} - gpu_builds - pinned().keys() == set()


def test_users_may_bring_any_torch_from_2_6_while_the_pin_lives_in_the_constraints() -> None:
    assert "torch>=2.6" in PYPROJECT["project"]["optional-dependencies"]["bridge"]
    assert pinned()["torch"] == "2.13.0"


def test_every_package_of_the_tree_is_in_the_wheel() -> None:
    packages = set(PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert packages == (OUR_NAMES - {"slimstream"}) | {"proto/slimstream"}


def test_only_training_pulls_torch_so_that_edge_and_cloud_install_without_it() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    with_torch = {
        name for name, wanted in extras.items() if any(text.startswith("torch>") for text in wanted)
    }
    assert with_torch == {"bridge"}
    assert not any(
        "bridge" in text or "train" in text for role in ("edge", "cloud", "demo") for text in extras[role]
    )
