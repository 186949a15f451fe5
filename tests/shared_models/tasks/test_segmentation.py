"""Class maps as results: shares of classes, and pictures of labels."""

import io

import numpy as np
from PIL import Image

from shared_models.tasks.segmentation import Segmentation


def test_shares_name_the_classes_that_are_there_largest_first() -> None:
    labels = np.array([[2, 2, 2], [0, 0, 5]], np.uint16)
    shares = Segmentation.of(labels, ["sky", "road", "tree"]).shares
    assert [(s.label, s.class_index, s.share) for s in shares] == [
        ("tree", 2, 0.5),
        ("sky", 0, 2 / 6),
        ("class 5", 5, 1 / 6),
    ]


def test_labels_come_back_from_their_png_at_any_depth() -> None:
    for top in (3, 255, 256, 1000):
        labels = np.arange(12, dtype=np.uint16).reshape(3, 4) * 0 + top
        with Image.open(io.BytesIO(Segmentation.of(labels, []).png())) as image:
            assert np.array_equal(np.asarray(image).astype(np.uint16), labels)


def test_labels_of_another_size_keep_their_places_and_make_up_no_class() -> None:
    found = Segmentation.of(np.array([[1, 9], [4, 4]], np.uint16), [])
    larger = found.scaled(4, 6)
    assert larger.labels.shape == (6, 4)
    assert larger.labels[0].tolist() == [1, 1, 9, 9]
    assert np.array_equal(larger.scaled(2, 2).labels, found.labels)
    assert larger.shares == found.shares


def test_viewers_show_classes_in_colours_that_differ() -> None:
    labels = np.arange(256, dtype=np.uint16).reshape(16, 16)
    with Image.open(io.BytesIO(Segmentation.of(labels, []).png())) as image:
        colours = np.asarray(image.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(colours, axis=0)) == 256
    assert colours[0].tolist() == [0, 0, 0]
