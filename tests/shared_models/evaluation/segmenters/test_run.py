import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared_models.errors import InputError
from shared_models.evaluation.peers.catalogue import CodecOptions
from shared_models.evaluation.segmenters.report import SegmentationReport
from shared_models.evaluation.segmenters.run import SegmentationRequest, evaluate_segmentation
from shared_models.evaluation.sweep import Sweep
from shared_models.packages.package import ModelPackage
from tests.shared_models.evaluation.colour_models import SIDE, write_colour_segmenter


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory, dct_package: ModelPackage) -> SegmentationRequest:
    """Left half red, right half blue; the labels call blue 0, red 1, and leave the top rows out."""
    folder = tmp_path_factory.mktemp("colours")
    for name in ("images", "labels"):
        (folder / name).mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 60, (SIDE, SIDE, 3), np.uint8)
        pixels[:, : SIDE // 2, 0] += 150
        pixels[:, SIDE // 2 :, 2] += 150
        labels = np.zeros((SIDE, SIDE), np.uint8)
        labels[:, : SIDE // 2] = 1
        labels[:8] = 2
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        Image.fromarray(labels).save(folder / "labels" / f"{number}.png")
    classes = {"classes": ["blue", "red"], "model_to_class": {"0": 1, "2": 0}}
    (folder / "classes.json").write_text(json.dumps(classes))
    return SegmentationRequest(
        images=folder / "images",
        labels=folder / "labels",
        classes=folder / "classes.json",
        segmenter=write_colour_segmenter(folder / "colours.onnx"),
        sweep=Sweep(
            command="slimstream eval segmentation",
            cache=folder / "cache",
            codecs=("slim", "jpeg"),
            qualities={"jpeg": (2, 60)},
            model=CodecOptions(str(dct_package.path)),
        ),
    )


@pytest.fixture(scope="module")
def report(request_: SegmentationRequest) -> SegmentationReport:
    return evaluate_segmentation(request_)


def test_uncompressed_pixels_find_every_class(report: SegmentationReport) -> None:
    pixels = report.rows[0]
    assert pixels.iou == {"blue": 1, "red": 1}
    assert (pixels.mean_iou, pixels.pixel_accuracy, pixels.agreement, pixels.kept) == (1, 1, 1, 1)


def test_fewer_bytes_find_less(report: SegmentationReport) -> None:
    _, worst, best = report.rows
    assert (worst.codec, best.codec) == ("jpeg", "jpeg")
    assert worst.bytes_mean < best.bytes_mean
    assert worst.mean_iou <= best.mean_iou
    assert best.agreement > 0.9


def test_latents_without_a_bridge_are_missing_with_the_reason(report: SegmentationReport) -> None:
    assert report.missing == {"slim": "latents need a bridge into colours: name one with --path"}


def test_a_second_run_finds_the_same_in_the_cache(
    request_: SegmentationRequest, report: SegmentationReport
) -> None:
    again = evaluate_segmentation(request_)
    assert again.rows[1:] == report.rows[1:]  # pixels are as quickly made as read


def test_tables_and_figure_can_be_made(report: SegmentationReport, tmp_path: Path) -> None:
    assert "IoU blue" in report.markdown()
    report.draw(tmp_path / "figure.svg")
    assert "mean intersection over union" in (tmp_path / "figure.svg").read_text()


def test_a_classifier_is_no_segmenter(request_: SegmentationRequest, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no segmenter"):
        evaluate_segmentation(replace(request_, segmenter=tmp_path / "absent.onnx"))
