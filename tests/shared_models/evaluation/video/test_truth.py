import json
from pathlib import Path

import numpy as np
import pytest

from shared_models.errors import InputError
from shared_models.evaluation.video.clips import Clip, ClipFrame
from shared_models.evaluation.video.truth import PERSON, confident, read_truth
from shared_models.tasks.results import Detection

CAR = 3


def clip(indices: tuple[int, ...] = (0, 2, 4), names: tuple[str, ...] = ("", "", "")) -> Clip:
    """Frames of 32×24 that were 64×48 in the source."""
    pixels = np.zeros((24, 32, 3), np.uint8)
    frames = tuple(ClipFrame(pixels, i, n, (64, 48)) for i, n in zip(indices, names, strict=True))
    return Clip(Path("clip"), frames, 10.0, 5.0)


def boxes(truth: object) -> list[tuple[int, int, list[float], int]]:
    coco = truth.coco  # type: ignore[attr-defined]
    return [(a["image_id"], a["category_id"], a["bbox"], a["iscrowd"]) for a in coco["annotations"]]


def test_mot_boxes_are_scaled_and_placed_by_frame_number(tmp_path: Path) -> None:
    gt = tmp_path / "gt.txt"
    gt.write_text("1,7,10,20,8,6,1,1,1.0\n2,7,0,0,4,4,1,1,1\n3,7,2,4,6,8,1,1,0.3\n")
    truth = read_truth(gt, clip())
    assert boxes(truth) == [(0, PERSON, [5, 10, 4, 3], 0), (1, PERSON, [1, 2, 3, 4], 0)]
    assert truth.frames == (0, 1)  # the labels end before the third frame, which is therefore not scored


def test_mot_people_that_do_not_count_are_neither_wanted_nor_wrong(tmp_path: Path) -> None:
    gt = tmp_path / "gt.txt"
    rows = ["1,1,0,0,4,4,1,1,1", "1,2,0,0,4,4,0,1,1", "1,3,0,0,4,4,1,8,1", "1,4,0,0,4,4,1,3,1"]
    gt.write_text("\n".join(rows))
    assert [crowd for *_, crowd in boxes(read_truth(gt, clip()))] == [0, 1]


def test_mot15_without_classes_counts_everybody(tmp_path: Path) -> None:
    gt = tmp_path / "gt.txt"
    gt.write_text("1,1,0,0,4,4,1,-1,-1,-1\n1,2,0,0,4,4\n")
    assert len(boxes(read_truth(gt, clip()))) == 2


def coco(images: list[dict[str, object]]) -> str:
    annotation = {"id": 1, "image_id": 9, "category_id": CAR, "bbox": [10, 20, 8, 6], "iscrowd": 0}
    categories = [{"id": CAR, "name": "car"}]
    return json.dumps({"images": images, "annotations": [annotation], "categories": categories})


def test_coco_labels_are_placed_in_a_video_by_frame_index(tmp_path: Path) -> None:
    gt = tmp_path / "gt.json"
    gt.write_text(coco([{"id": 9, "file_name": "x.jpg", "frame_index": 2, "width": 64, "height": 48}]))
    truth = read_truth(gt, clip())
    assert (truth.frames, boxes(truth)) == ((1,), [(1, CAR, [5, 10, 4, 3], 0)])


def test_coco_labels_are_placed_in_a_directory_by_name_at_their_own_size(tmp_path: Path) -> None:
    gt = tmp_path / "gt.json"
    gt.write_text(coco([{"id": 9, "file_name": "images/b.png", "width": 128, "height": 96}]))
    truth = read_truth(gt, clip(names=("a.jpg", "b.jpg", "c.jpg")))
    assert boxes(truth) == [(1, CAR, [2.5, 5, 2, 1.5], 0)]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("gt.txt", "900,1,0,0,4,4,1,1,1", "has no box in the frames"),
        ("gt.txt", "", "labels none of the 3 frames"),
        ("gt.txt", "1,1,0,0,4", "line 1 is not MOT's"),
        ("gt.txt", "one,1,0,0,4,4", "line 1 is not MOT's"),
        ("gt.json", coco([{"id": 9, "file_name": "x.jpg"}]), "image 9 has no frame_index"),
        ("gt.json", coco([{"id": 9, "frame_index": 1}]), "labels none of the 3 frames"),
        ("gt.json", "[]", "is no COCO instances file"),
        ("gt.json", "{", "is no COCO instances file"),
    ],
)
def test_labels_that_do_not_fit_the_clip_are_refused(
    tmp_path: Path, name: str, content: str, sentence: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=sentence):
        read_truth(tmp_path / name, clip())


def test_a_detector_s_sure_boxes_are_the_truth_where_there_are_no_labels() -> None:
    found = [[Detection(1, 2, 5, 8, score, "car", CAR) for score in (0.9, 0.2)], [], []]
    truth = confident(clip(), found, 0.5)
    assert boxes(truth) == [(0, CAR, [1, 2, 4, 6], 0)]
    assert truth.frames == (0, 1, 2)
    with pytest.raises(InputError, match="nothing to agree with"):
        confident(clip(), [[], [], []], 0.5)
