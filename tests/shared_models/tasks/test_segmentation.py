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
