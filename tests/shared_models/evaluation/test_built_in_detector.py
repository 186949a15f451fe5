import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from shared_models.bridges.latent_detector import LatentDetectorNetwork
from shared_models.codecs.slim.model import SlimModel
from shared_models.evaluation.built_in_detector import evaluate_detector, load_detector
from shared_models.evaluation.detection.labelled_pictures import DetectionSet


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("run")
    torch.save({"model": SlimModel().state_dict()}, folder / "base.pt")
    torch.save({"averaged": LatentDetectorNetwork().state_dict()}, folder / "detector.pt")
    Image.fromarray(np.full((40, 56, 3), 90, np.uint8)).save(folder / "a.png")
    truth = {
        "info": {},
        "images": [{"id": 1, "file_name": "a.png", "width": 56, "height": 40}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 5, 9, 9], "area": 81, "iscrowd": 0}
        ],
        "categories": [{"id": 1, "name": "person"}],
    }
    (folder / "instances.json").write_text(json.dumps(truth))
    return folder


def test_a_report_tells_bytes_and_accuracy_of_a_width_and_quality(folder: Path) -> None:
    model, detector = load_detector(folder / "detector.pt", folder / "base.pt")
    pictures = DetectionSet(folder / "instances.json")
    low, high = (evaluate_detector(model, detector, pictures, width=0, quality=q) for q in (0.0, 100.0))
    assert (low.width, low.pictures) == ("0.25", 1)
    assert 0 < low.bytes_mean < high.bytes_mean
    assert 0 <= low.accuracy.AP <= 1


def test_the_averaged_weights_are_measured(folder: Path) -> None:
    _, detector = load_detector(folder / "detector.pt", folder / "base.pt")
    averaged = torch.load(folder / "detector.pt", weights_only=True)["averaged"]
    torch.testing.assert_close(detector.state_dict(), averaged)
