from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared_models.errors import InputError
from shared_models.evaluation.peers.catalogue import CodecOptions
from shared_models.evaluation.sweep import Sweep
from shared_models.evaluation.video.clips import ClipChoice
from shared_models.evaluation.video.report import VideoReport
from shared_models.evaluation.video.request import VideoRequest
from shared_models.evaluation.video.run import evaluate_video
from shared_models.packages.package import ModelPackage
from tests.shared_models.evaluation.detection.bright_squares import CELL, SIDE, write_detector
from tests.shared_models.evaluation.swept import swept

FRAMES = 5


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory, dct_package: ModelPackage) -> VideoRequest:
    """A white square that goes right, a cell a frame, on noise; gt.txt knows where it is."""
    folder = tmp_path_factory.mktemp("clip")
    (folder / "frames").mkdir()
    rows = []
    for number in range(FRAMES):
        pixels = np.random.default_rng(number).integers(0, 40, (SIDE, SIDE, 3)).astype(np.uint8)
        pixels[CELL : 2 * CELL, number * CELL : (number + 1) * CELL] = 250
        Image.fromarray(pixels).save(folder / "frames" / f"{number + 1:06}.png")
        rows.append(f"{number + 1},1,{number * CELL},{CELL},{CELL},{CELL},1,1,1")
    (folder / "gt.txt").write_text("\n".join(rows))
    return VideoRequest(
        clip=ClipChoice(folder / "frames", None, 10.0),
        detector=write_detector(folder / "squares.onnx"),
        sweep=Sweep(
            command="slimstream eval video",
            cache=folder / "cache",
            codecs=("slim", "x264"),
            qualities={"slim": (10, 90), "x264": (50, 20)},
            model=CodecOptions(str(dct_package.path)),
        ),
    )


@pytest.fixture(scope="module")
def report(request_: VideoRequest) -> VideoReport:
    return evaluate_video(request_)


def test_a_detector_agrees_with_itself_on_the_pixels(report: VideoReport) -> None:
    pixels = report.rows[0]
    assert (pixels.codec, pixels.AP, pixels.AP50, pixels.kept) == ("pixels", 1, 1, 1)
    assert pixels.kbit_per_s == 3 * SIDE * SIDE * 8 * 10 / 1000


def test_there_is_a_row_for_each_codec_quality_and_detector(report: VideoReport) -> None:
    rows = [(row.codec, row.quality, row.detector, row.sees) for row in report.rows[1:]]
    assert rows == [
        ("slim", 10, "built-in", "latents"),
        ("slim", 90, "built-in", "latents"),
        ("x264", 50, "squares", "pixels"),
        ("x264", 20, "squares", "pixels"),
    ]


def test_our_frames_stand_alone_and_a_video_encoder_s_do_not(report: VideoReport) -> None:
    _, ours, _, _, theirs = report.rows
    assert (ours.key_frames, theirs.key_frames) == (FRAMES, 1)
    assert theirs.bytes_max > theirs.bytes_median
    assert theirs.AP50 > 0.9


def test_settings_state_what_the_encoders_were_told(report: VideoReport) -> None:
    x264 = next(codec.settings for codec in report.codecs if codec.name == "x264")
    assert "veryfast" in x264
    assert "zerolatency" in x264
    assert "a key frame every 250 frames" in x264


def test_labels_take_the_place_of_agreement(request_: VideoRequest) -> None:
    gt = request_.clip.path.with_name("gt.txt")
    report = evaluate_video(swept(replace(request_, labels=gt), codecs=("x264",)))
    assert report.settings["truth"] == "MOT labels gt.txt"
    assert report.settings["boxes"] == FRAMES
    assert report.rows[0].AP50 == 1
    assert not any("no labels" in note for note in report.notes)


def test_a_second_run_finds_the_same_in_the_cache(request_: VideoRequest, report: VideoReport) -> None:
    assert evaluate_video(request_).rows == report.rows


def test_tables_and_figure_can_be_made(report: VideoReport, tmp_path: Path) -> None:
    assert "kbit/s" in report.markdown()
    report.draw(tmp_path / "figure.svg")
    assert "bytes a frame" in (tmp_path / "figure.svg").read_text()


def test_labels_that_do_not_fit_are_refused_before_anything_is_coded(
    request_: VideoRequest, tmp_path: Path
) -> None:
    (tmp_path / "gt.txt").write_text("none")
    with pytest.raises(InputError, match="line 1 is not MOT's"):
        evaluate_video(swept(replace(request_, labels=tmp_path / "gt.txt"), cache=tmp_path / "cache"))
    assert list((tmp_path / "cache").glob("*")) == []


def test_a_clip_in_which_nothing_is_seen_is_refused(request_: VideoRequest, tmp_path: Path) -> None:
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "black.png")
    black = replace(request_.clip, path=tmp_path)
    with pytest.raises(InputError, match="there is nothing to agree with"):
        evaluate_video(swept(replace(request_, clip=black), codecs=("x264",)))


def test_labels_of_what_the_detector_does_not_find_are_refused(
    request_: VideoRequest, tmp_path: Path
) -> None:
    (tmp_path / "gt.txt").write_text("1,1,2,2,60,60,1,1,1\n")
    with pytest.raises(InputError, match="finds none of the 1 labelled boxes"):
        evaluate_video(swept(replace(request_, labels=tmp_path / "gt.txt"), codecs=("x264",)))
