"""`slimstream segment`: label pictures, the shares of classes, and one sentence for wrong input."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared_models.bitstream.limits import Limits
from shared_models.bitstream.slim_file import SlimFrame
from shared_models.bitstream.slim_reader import read_slim
from shared_models.bitstream.slim_writer import write_slim
from shared_models.packages.package import ModelPackage
from tests.console.conftest import CommandLine
from tests.tiny_bridges import write_tiny_bridge
from tests.tiny_models import write_classifier, write_segmenter

MODEL = ("--model", "dct")


@pytest.fixture
def bridge(tmp_path: Path, dct_package: ModelPackage) -> Path:
    write_tiny_bridge(tmp_path / "bridge", write_segmenter, dct_package)
    return tmp_path / "bridge"


def test_labels_are_as_large_as_the_picture_and_shares_count_them(
    slimstream: CommandLine, pictures: Path, bridge: Path, tmp_path: Path
) -> None:
    labels, shares = tmp_path / "labels", tmp_path / "shares.json"
    options = ["--path", bridge, "-o", labels, "--json", shares, "--long-side", "32", *MODEL]
    done = slimstream("segment", pictures, *options)
    assert done.code == 0, done.err
    rows = json.loads(shares.read_text())
    assert [(row["file_name"], row["labels"]) for row in rows] == [
        ("12.png", "12.png"),
        ("street.jpg", "street.png"),
    ]
    for row, size in zip(rows, [(48, 40), (64, 33)], strict=True):
        with Image.open(labels / row["labels"]) as image:
            assert (image.size, image.mode) == (size, "P")
            assert set(np.unique(np.asarray(image)).tolist()) <= {
                share["class_index"] for share in row["classes"]
            }
        assert sum(share["share"] for share in row["classes"]) == pytest.approx(1, abs=1e-3)


def test_each_frame_of_a_file_has_labels_of_its_own(
    slimstream: CommandLine, pictures: Path, bridge: Path, tmp_path: Path
) -> None:
    slimstream("encode", pictures / "12.png", "-o", tmp_path, *MODEL)
    (frame,) = read_slim((tmp_path / "12.slim").read_bytes(), Limits())
    two = [SlimFrame(seq, frame.layers) for seq in (0, 7)]
    (tmp_path / "two.slim").write_bytes(write_slim(two))
    done = slimstream("segment", tmp_path / "two.slim", "--path", bridge, "-o", tmp_path / "labels", *MODEL)
    assert done.code == 0, done.err
    assert sorted(file.name for file in (tmp_path / "labels").iterdir()) == [
        "two-000000.png",
        "two-000007.png",
    ]
    assert done.out.count("%") >= 2


def test_mistakes_are_one_sentence_and_nothing_is_overwritten(
    slimstream: CommandLine, pictures: Path, bridge: Path, dct_package: ModelPackage, tmp_path: Path
) -> None:
    write_tiny_bridge(tmp_path / "classifier", write_classifier, dct_package)
    for arguments, sentence in (
        ((pictures, "--path", "nowhere", "-o", tmp_path / "labels"), "there is no bridge 'nowhere'"),
        ((pictures, "--path", tmp_path / "classifier", "-o", tmp_path / "labels"), "does not segment"),
        ((pictures, "-o", tmp_path / "labels"), "--path"),
        ((pictures, "--path", bridge, "-o", pictures), "would replace it"),
        ((pictures, "--path", bridge, "-o", pictures / "12.png" / "x"), "is not a directory"),
    ):
        done = slimstream("segment", *arguments, *MODEL)
        assert (done.code, done.err.count("\n")) == (2, 1), done.err
        assert sentence in done.err
    assert not (tmp_path / "labels").exists()
