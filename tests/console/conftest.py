"""A command line to drive, and pictures to drive it with."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from console.main import run
from shared_models.packages.package import ModelPackage


class Result(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


CommandLine = Callable[..., Result]


@pytest.fixture
def slimstream(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, dct_package: ModelPackage
) -> CommandLine:
    """Run the command in this process; the test package is installed as `dct`."""
    monkeypatch.setenv("SLIMSTREAM_MODELS", str(dct_package.path.parent))
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str | Path) -> Result:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return call


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Return a directory with 12.png (48×40) and street.jpg (64×33)."""
    directory = tmp_path / "pictures"
    directory.mkdir()
    for name, width, height in (("12.png", 48, 40), ("street.jpg", 64, 33)):
        y, x = np.mgrid[0:height, 0:width]
        pixels = np.stack([x * 3, y * 4, 255 - x * 2], axis=2).astype(np.uint8)
        Image.fromarray(pixels).save(directory / name)
    return directory
