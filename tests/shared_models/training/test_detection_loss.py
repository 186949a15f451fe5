import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shared_models.bridges.yolox import Prediction
from shared_models.training.detection_loss import AnswerWeights, answer_distance, divergence, overlap

WEIGHTS = AnswerWeights()


def prediction(object_logit: float, *, classes: float = -4.0, side: float = 0.0) -> Prediction:
    boxes = torch.zeros(2, 4, 3, 3)
    boxes[:, 2:] = side
    return Prediction(torch.full((2, 80, 3, 3), classes), torch.full((2, 1, 3, 3), object_logit), boxes)


def raw(x: float, y: float, w: float, h: float) -> torch.Tensor:
    sides = torch.tensor([w, h]).log()
    return torch.cat([torch.tensor([x, y]), sides]).view(1, 4, 1, 1)


def test_the_teachers_own_answers_are_at_no_distance() -> None:
    distances = answer_distance([prediction(2.0)], [prediction(2.0)], WEIGHTS)
    for kind, distance in distances.items():
        assert float(distance) == pytest.approx(0, abs=1e-4), kind


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("objectness", prediction(-2.0)),
        ("classes", prediction(2.0, classes=0.0)),
        ("box", prediction(2.0, side=1.0)),
    ],
)
def test_each_kind_of_error_shows_in_its_own_figure(kind: str, wrong: Prediction) -> None:
    distances = answer_distance([wrong], [prediction(2.0)], WEIGHTS)
    assert [k for k, distance in distances.items() if float(distance) > 0.1] == [kind]


def test_classes_and_boxes_do_not_count_where_the_teacher_sees_nothing() -> None:
    distances = answer_distance([prediction(-20.0, classes=3.0, side=2.0)], [prediction(-20.0)], WEIGHTS)
    assert sum(map(float, distances.values())) < 1e-3


@given(st.floats(-12, 12), st.floats(-12, 12))
def test_a_divergence_is_never_negative(student: float, teacher: float) -> None:
    assert float(divergence(torch.tensor(student), torch.tensor(teacher))) > -1e-5


def test_overlap_is_one_for_equal_boxes_and_falls_below_nought_with_distance() -> None:
    here = raw(0.5, 0.5, 2.0, 1.0)
    torch.testing.assert_close(overlap(here, here), torch.ones(1, 1, 1, 1))
    near, far = (overlap(here, raw(x, 0.5, 2.0, 1.0)) for x in (4.5, 40.5))
    assert float(far) < float(near) < 0


def test_overlap_of_shifted_boxes_is_the_intersection_over_the_union() -> None:
    shifted = overlap(raw(0.0, 0.0, 2.0, 2.0), raw(1.0, 0.0, 2.0, 2.0))
    torch.testing.assert_close(shifted, torch.full((1, 1, 1, 1), 1 / 3))  # and nothing empty around them
