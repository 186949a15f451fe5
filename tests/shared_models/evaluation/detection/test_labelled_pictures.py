import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared_models.errors import InputError
from shared_models.evaluation.detection.labelled_pictures import DetectionSet
from shared_models.tasks.detection import Boxes


@pytest.fixture
def pictures(tmp_path: Path) -> DetectionSet:
    Image.fromarray(np.zeros((60, 80, 3), np.uint8)).save(tmp_path / "a.png")
    box = {"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 20, 30, 16], "area": 480, "iscrowd": 0}
    truth = {
        "info": {},
        "images": [{"id": 7, "file_name": "a.png", "width": 80, "height": 60}],
        "annotations": [box],
        "categories": [{"id": 3, "name": "car"}],
    }
    (tmp_path / "instances.json").write_text(json.dumps(truth))
    return DetectionSet(tmp_path / "instances.json")


def boxes(x: float) -> Boxes:
    corners = np.array([[x, 20, x + 30, 36]], np.float32)
    return Boxes(corners, np.array([0.9], np.float32), np.array([2], np.intp))


def test_the_right_box_scores_one(pictures: DetectionSet) -> None:
    accuracy = pictures.accuracy({7: boxes(10)})
    assert pytest.approx(1.0) == accuracy.AP
    assert accuracy.groups["vehicles"][1] == pytest.approx(1.0)


def test_a_box_elsewhere_and_no_box_score_nothing(pictures: DetectionSet) -> None:
    nothing = Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.intp))
    assert pictures.accuracy({7: boxes(45)}).AP == 0
    assert pictures.accuracy({7: nothing}).AP == 0


def test_pictures_come_as_rgb_bytes(pictures: DetectionSet) -> None:
    assert pictures.picture(7).shape == (60, 80, 3)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.json"):
        DetectionSet(tmp_path / "nothing.json")
