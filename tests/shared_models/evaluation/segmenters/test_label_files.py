from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared_models.errors import InputError
from shared_models.evaluation.segmenters.label_files import SegmentedPicture, pair_labels, read_label_map


@pytest.fixture
def picture(tmp_path: Path) -> SegmentedPicture:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    Image.new("RGB", (32, 24)).save(tmp_path / "images" / "a.jpg")
    labels = np.zeros((24, 32), np.uint8)
    labels[:, 16:] = 7
    Image.fromarray(labels).save(tmp_path / "labels" / "a.png")
    return SegmentedPicture(tmp_path / "images" / "a.jpg", tmp_path / "labels" / "a.png")


def test_labels_are_found_by_name(picture: SegmentedPicture) -> None:
    assert pair_labels(picture.path.parent, picture.labels.parent) == [picture]


def test_a_picture_without_labels_is_named(picture: SegmentedPicture) -> None:
    Image.new("RGB", (32, 24)).save(picture.path.with_name("b.jpg"))
    with pytest.raises(InputError, match=r"b.jpg has no labels in"):
        pair_labels(picture.path.parent, picture.labels.parent)


def test_labels_follow_a_smaller_picture_without_new_classes(picture: SegmentedPicture) -> None:
    labels = read_label_map(picture, (16, 12))
    assert labels.shape == (12, 16)
    assert set(np.unique(labels)) == {0, 7}


def test_a_palette_gives_its_indices(picture: SegmentedPicture) -> None:
    image = Image.fromarray(np.full((24, 32), 3, np.uint8)).convert("L")
    image.putpalette([value % 256 for value in range(768)])
    image.save(picture.labels)
    assert set(np.unique(read_label_map(picture, (32, 24)))) == {3}


def test_labels_of_another_size_than_their_picture_are_refused(picture: SegmentedPicture) -> None:
    Image.new("L", (30, 24)).save(picture.labels)
    with pytest.raises(InputError, match="is 30×24 pixels and its picture 32×24"):
        pair_labels(picture.path.parent, picture.labels.parent)


def test_coloured_labels_are_refused(picture: SegmentedPicture) -> None:
    Image.new("RGB", (32, 24)).save(picture.labels)
    with pytest.raises(InputError, match="has colours"):
        pair_labels(picture.path.parent, picture.labels.parent)


def test_what_is_no_picture_is_refused(picture: SegmentedPicture) -> None:
    picture.labels.write_bytes(b"none")
    with pytest.raises(InputError, match=r"a.png is not a picture"):
        read_label_map(picture, (32, 24))
