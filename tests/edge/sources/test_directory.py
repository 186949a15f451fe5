"""A directory of images: natural order, damaged files named, everything made RGB."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.sources.directory import DirectorySource
from shared_models.errors import SourceError
from tests.edge.sources.media import index_of, striped


def test_images_come_in_the_order_people_expect(tmp_path: Path) -> None:
    for index in (10, 2, 1):
        Image.fromarray(striped(index)).save(tmp_path / f"frame{index}.png")
    (tmp_path / "notes.txt").write_text("not an image")
    source = DirectorySource(tmp_path, 2.0)
    found = []
    while (grab := source.grab()) is not None:
        found.append((grab.media_s, index_of(grab.picture(640))))
    assert found == [(0.0, 1), (0.5, 2), (1.0, 10)]


def test_grey_and_transparent_images_become_rgb(tmp_path: Path) -> None:
    Image.new("L", (40, 30), 100).save(tmp_path / "a.png")
    Image.new("RGBA", (40, 30), (1, 2, 3, 4)).save(tmp_path / "b.png")
    source = DirectorySource(tmp_path, 1.0)
    shapes = [grab.picture(640).shape for _ in range(2) if (grab := source.grab())]
    assert shapes == [(30, 40, 3), (30, 40, 3)]


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    grab = DirectorySource(tmp_path, 1.0).grab()
    assert grab is not None
    with pytest.raises(SourceError, match=r"bad\.png cannot be read"):
        grab.picture(640)


def test_an_empty_or_absent_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no image"):
        DirectorySource(tmp_path, 1.0)
    with pytest.raises(SourceError, match="there is no directory"):
        DirectorySource(tmp_path / "nowhere", 1.0)


def test_a_picture_too_narrow_for_the_codec_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 400, 3), np.uint8)).save(tmp_path / "a.png")
    grab = DirectorySource(tmp_path, 1.0).grab()
    assert grab is not None
    with pytest.raises(SourceError, match="each side needs 16"):
        grab.picture(640)
