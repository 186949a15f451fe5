from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared_models.errors import InputError
from shared_models.evaluation.picture_folder import PictureFolder, picture_paths


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(("b.png", "a.jpg", "c.png")):
        Image.new("RGB", (40, 30), (100 * number, 0, 0)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_pictures_come_by_name_and_only_so_many(folder: Path) -> None:
    assert [path.name for path in picture_paths(folder)] == ["a.jpg", "b.png", "c.png"]
    assert [path.name for path in picture_paths(folder, 2)] == ["a.jpg", "b.png"]


def test_a_picture_is_known_by_its_pixels_as_they_are_measured(folder: Path) -> None:
    Image.open(folder / "b.png").save(folder / "d.png")
    pictures = PictureFolder(picture_paths(folder))
    first, _, _, fourth = (0, 1, 2, 3)
    assert pictures.picture(1).digest == pictures.picture(fourth).digest != pictures.picture(first).digest
    smaller = PictureFolder(picture_paths(folder), side=20).picture(1)
    assert smaller.digest != pictures.picture(1).digest
    assert (smaller.width, smaller.height) == (20, 16)
    assert np.array_equal(smaller.load().shape, (16, 20, 3))


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no file that ends in"):
        picture_paths(tmp_path)
    with pytest.raises(InputError, match="is no directory of pictures"):
        picture_paths(tmp_path / "absent")
