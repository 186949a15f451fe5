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


def write(folder: Path, truth: object) -> Path:
    (folder / "labels.json").write_text(json.dumps(truth))
    return folder / "labels.json"


def labelled(width: int, height: int) -> dict[str, object]:
    """Return labels for a picture a.png of a size, with a car in its left upper quarter."""
    box = {"image_id": 7, "category_id": 3, "bbox": [0, 0, width / 2, height / 2]}
    image = {"id": 7, "file_name": "a.png", "width": width, "height": height}
    return {"images": [image], "annotations": [box], "categories": [{"id": 3, "name": "car"}]}


def quarter(width: float, height: float) -> Boxes:
    corners = np.array([[0, 0, width / 2, height / 2]], np.float32)
    return Boxes(corners, np.array([0.9], np.float32), np.array([2], np.intp))


def test_boxes_follow_a_picture_that_is_made_smaller(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((600, 800, 3), np.uint8)).save(tmp_path / "a.png")
    small = DetectionSet(write(tmp_path, labelled(800, 600)), side=400)
    assert small.picture(7).shape == (300, 400, 3)
    assert small.size(7) == (400, 300)
    assert pytest.approx(1.0) == small.accuracy({7: quarter(400, 300)}).AP
    assert small.accuracy({7: quarter(800, 600)}).AP == 0
    assert small.dataset["annotations"][0]["area"] == pytest.approx(200 * 150)


def test_boxes_follow_a_picture_that_is_stored_smaller_than_it_was_annotated(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((240, 320, 3), np.uint8)).save(tmp_path / "a.png")
    stored = DetectionSet(write(tmp_path, labelled(640, 480)))
    assert stored.size(7) == (320, 240)
    assert pytest.approx(1.0) == stored.accuracy({7: quarter(320, 240)}).AP


def test_a_picture_that_cannot_be_the_annotated_one_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((240, 240, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png is 240×240 pixels and its annotations are for 640×480"):
        DetectionSet(write(tmp_path, labelled(640, 480)))


def test_annotated_pictures_that_are_not_there_are_counted_and_left_out(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((60, 80, 3), np.uint8)).save(tmp_path / "a.png")
    truth = labelled(80, 60)
    truth["images"] += [{"id": 8, "file_name": "b.png"}]  # type: ignore[operator]
    found = DetectionSet(write(tmp_path, truth))
    assert (found.ids, found.absent) == ([7], 1)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("nothing of the kind", "is no COCO instances file"),
        ({"images": []}, "annotations: Field required"),
        ([], "is no COCO instances file"),
        ({"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}]}, "names no picture"),
        ({**labelled(8, 8), "annotations": [{"image_id": 7, "category_id": 3, "bbox": [1]}]}, "bbox"),
        (labelled(80, 60), "none of the 1 pictures"),
    ],
)
def test_what_is_no_coco_file_or_has_no_picture_is_one_sentence(
    tmp_path: Path, document: object, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence) as error:
        DetectionSet(write(tmp_path, document), images=tmp_path)
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"a\.png is not a picture"):
        DetectionSet(write(tmp_path, labelled(8, 8)))
