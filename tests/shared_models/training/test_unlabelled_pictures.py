"""Folders of photographs: what is read, what is held out, what is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared_models.errors import InputError
from shared_models.training.unlabelled_pictures import PICTURES_MIN, UnlabelledPictures


def fill(folder: Path, count: int) -> Path:
    random = np.random.default_rng(0)
    for i in range(count):
        Image.fromarray(random.integers(0, 256, (80, 120, 3), np.uint8)).save(folder / f"{i:03}.jpg")
    return folder


def test_pictures_are_made_small_enough_and_never_larger(tmp_path: Path) -> None:
    pictures = UnlabelledPictures(fill(tmp_path, PICTURES_MIN), 60)
    pixels = pictures.read(0)
    assert pixels is not None
    assert pixels.shape == (40, 60, 3)
    whole = UnlabelledPictures(tmp_path, 416).read(0)
    assert whole is not None
    assert whole.shape == (80, 120, 3)


def test_held_out_pictures_are_the_same_every_time_and_apart_from_the_others(tmp_path: Path) -> None:
    fill(tmp_path, 60)
    first, second = (UnlabelledPictures(tmp_path, 64).split() for _ in range(2))
    assert first == second
    assert len(first.held_out) == 5
    assert sorted([*first.fitted, *first.held_out]) == list(range(60))


def test_what_cannot_be_read_is_counted_until_too_little_is_left(tmp_path: Path) -> None:
    fill(tmp_path, PICTURES_MIN)
    for name in ("a.png", "b.jpg"):
        (tmp_path / name).write_bytes((tmp_path / "000.jpg").read_bytes()[:100])
    Image.new("RGB", (200, 8)).save(tmp_path / "c.png")  # a strip that shows nothing
    pictures = UnlabelledPictures(tmp_path, 64)
    assert [pictures.read(i) is None for i in range(PICTURES_MIN, PICTURES_MIN + 3)] == [True] * 3
    assert len(pictures.unreadable) == 3
    (tmp_path / "000.jpg").write_bytes(b"damaged later")
    with pytest.raises(InputError, match=f"holds {PICTURES_MIN - 1} pictures that can be read"):
        pictures.read(0)
