from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from console.main import run
from tests.shared_models.evaluation.colour_models import write_colour_classifier, write_colour_segmenter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(tmp_path / "images" / "0.png")
    Image.new("L", (64, 63)).save(tmp_path / "labels" / "0.png")
    (tmp_path / "map.json").write_text('{"classes": ["red"], "model_to_class": {"0": 0}}')
    (tmp_path / "bad.json").write_text('{"classes": ["red"], "model_to_class": {"0": 7}}')
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    write_colour_classifier(tmp_path / "classifier.onnx")
    write_colour_segmenter(tmp_path / "segmenter.onnx")
    return tmp_path


CLASSES = "--images images --classifier classifier.onnx --codecs jpeg"
SEGMENTS = "--images images --labels labels --segmenter segmenter.onnx --codecs jpeg"


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("video --clip absent.mp4 --detector classifier.onnx", "absent.mp4 does not exist"),
        ("video --clip clip.mp4 --detector classifier.onnx", "clip.mp4 is no readable video"),
        ("video --clip images --detector absent.onnx", "there is no detector absent.onnx"),
        ("video --clip images --detector classifier.onnx", "is no detector: by its outputs it can classify"),
        ("video --clip images --detector classifier.onnx --codecs vp9", "there is no video codec 'vp9'"),
        ("rd --images absent", "absent is no directory of pictures"),
        ("rd --images labels --codecs jpg", "there is no codec 'jpg'"),
        ("rd --images images --codecs jpeg --qualities jpeg:high", "'jpeg:high' names no qualities"),
        ("rd --images images --codecs jpeg --qualities jpeg:50", "64×64 pixels is too small for MS-SSIM"),
        (f"classification {CLASSES} --labels absent.csv", "absent.csv cannot be read as text"),
        (f"classification {CLASSES} --labels map.json", "map.json gives classes the class"),
        (f"segmentation {SEGMENTS} --classes bad.json", "bad.json is no class map"),
        (f"segmentation {SEGMENTS} --classes map.json", "is 64×63 pixels and its picture 64×64"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_sentence(
    command: str,
    sentence: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    assert run(["eval", *command.split(), "--cache", "cache", "--jobs", "1"]) == 2
    printed = capsys.readouterr()
    assert sentence in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
