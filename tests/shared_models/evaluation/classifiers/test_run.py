import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared_models.errors import InputError
from shared_models.evaluation.classifiers.report import ClassificationReport
from shared_models.evaluation.classifiers.run import ClassificationRequest, evaluate_classification
from shared_models.evaluation.peers.catalogue import CodecOptions
from shared_models.evaluation.sweep import Sweep
from shared_models.packages.package import ModelPackage
from tests.shared_models.evaluation.colour_models import SIDE, write_colour_classifier


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory, dct_package: ModelPackage) -> ClassificationRequest:
    folder = tmp_path_factory.mktemp("colours")
    (folder / "images").mkdir()
    labels = {}
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 60, (SIDE, SIDE, 3), np.uint8)
        pixels[..., number % 3] += 150
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        labels[f"{number}.png"] = number % 3 if number else 1  # one of them is labelled wrong
    (folder / "labels.json").write_text(json.dumps(labels))
    return ClassificationRequest(
        images=folder / "images",
        classifier=write_colour_classifier(folder / "colours.onnx"),
        sweep=Sweep(
            command="slimstream eval classification",
            cache=folder / "cache",
            codecs=("slim", "jpeg"),
            qualities={"slim": (50,), "jpeg": (5, 60)},
            model=CodecOptions(str(dct_package.path)),
        ),
        labels=folder / "labels.json",
    )


@pytest.fixture(scope="module")
def report(request_: ClassificationRequest) -> ClassificationReport:
    return evaluate_classification(request_)


def test_there_is_a_row_for_each_codec_quality_and_classifier(report: ClassificationReport) -> None:
    rows = [(row.codec, row.quality, row.classifier, row.sees) for row in report.rows]
    assert rows == [
        ("pixels", 100, "colours", "pixels"),
        ("slim", 50, "built-in", "latents"),
        ("jpeg", 5, "colours", "pixels"),
        ("jpeg", 60, "colours", "pixels"),
    ]


def test_pixels_are_right_as_often_as_the_labels_are(report: ClassificationReport) -> None:
    pixels = report.rows[0]
    assert pixels.top1 == pytest.approx(5 / 6)
    assert (pixels.top5, pixels.agreement, pixels.kept) == (1, 1, 1)
    assert pixels.bpp == 24


def test_colours_survive_coding(report: ClassificationReport) -> None:
    assert report.rows[3].agreement == 1
    assert report.rows[2].bytes_mean < report.rows[3].bytes_mean


def test_a_missing_bridge_is_said(report: ClassificationReport) -> None:
    assert any("No bridge leads from latents into colours" in note for note in report.notes)


def test_a_second_run_finds_the_same_in_the_cache(
    request_: ClassificationRequest, report: ClassificationReport
) -> None:
    again = evaluate_classification(request_)
    assert again.rows[1:] == report.rows[1:]  # pixels are as quickly made as read


def test_tables_and_figure_can_be_made(report: ClassificationReport, tmp_path: Path) -> None:
    assert "| jpeg" in report.markdown()
    report.draw(tmp_path / "figure.svg")
    assert "top-1 accuracy" in (tmp_path / "figure.svg").read_text()


def test_a_label_that_the_classifier_does_not_know_is_refused(
    request_: ClassificationRequest, tmp_path: Path
) -> None:
    (tmp_path / "labels.csv").write_text("0.png,3\n")
    with pytest.raises(InputError, match=r"0.png is labelled 3 and colours knows the classes 0 to 2"):
        evaluate_classification(replace(request_, labels=tmp_path / "labels.csv"))
