import numpy as np
import pytest
import torch

from shared_models.bridges.classifier_teacher import LESSON_SHAPES, Lesson
from shared_models.evaluation.built_in_classifier import agreement


def lesson(first: int, height: float) -> Lesson:
    logits = np.zeros(1000, np.float32)
    logits[first] = height
    maps = {name: np.zeros(shape, np.float32) for name, shape in LESSON_SHAPES.items() if name != "logits"}
    return Lesson(**maps, logits=logits)


def logits(*best: int) -> torch.Tensor:
    row = torch.zeros(1000)
    for rank, index in enumerate(best):
        row[index] = 10.0 - rank
    return row


def test_agreement_counts_first_classes_and_first_five_and_sure_pictures_apart() -> None:
    own = [
        logits(1, 2, 3, 4, 5),
        logits(6, 7, 8, 9, 10),
        logits(11, 12, 13, 14, 15),
        logits(16, 17, 18, 19, 20),
    ]
    lessons = [lesson(1, 20.0), lesson(8, 20.0), lesson(99, 1.0), lesson(16, 1.0)]
    report = agreement(own, lessons)
    assert (report.pictures, report.sure_pictures) == (4, 2)
    assert report.top1 == pytest.approx(0.5)
    assert report.top5 == pytest.approx(0.75)
    assert report.sure_top1 == pytest.approx(0.5)
