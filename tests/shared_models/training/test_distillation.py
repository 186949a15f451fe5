import math

import torch

from shared_models.bridges.yolox import Prediction
from shared_models.training.distillation import class_divergence, head_distance, pyramid_distance


def prediction(object_logit: float, shift: float = 0.0) -> Prediction:
    classes = torch.full((2, 80, 3, 3), -4.0)
    return Prediction(classes, torch.full((2, 1, 3, 3), object_logit), torch.full((2, 4, 3, 3), shift))


def test_equal_features_are_at_no_distance() -> None:
    levels = [torch.randn(2, 4, 8, 8), torch.randn(2, 4, 4, 4)]
    assert (pyramid_distance(levels, levels, torch.ones(2), (1.0, 1.0)) == 0).all()


def test_a_level_counts_by_its_weight_over_its_variance() -> None:
    zeros, ones = [torch.zeros(1, 1, 2, 2)] * 2, [torch.ones(1, 1, 2, 2)] * 2
    distance = pyramid_distance(ones, zeros, torch.tensor([1.0, 4.0]), (0.5, 2.0))
    torch.testing.assert_close(distance, torch.tensor([1.0]))


def test_the_teachers_own_answers_are_nearest() -> None:
    teacher = [prediction(2.0)]
    same, wrong = (head_distance([p], teacher).mean() for p in (prediction(2.0), prediction(-2.0)))
    assert same < wrong


def test_boxes_count_only_where_the_teacher_sees_objects() -> None:
    unseen, seen = [prediction(-20.0)], [prediction(20.0)]
    for teacher, expected in ((unseen, 0.0), (seen, 1.0)):
        moved, still = (head_distance([prediction(0.0, s)], teacher).mean() for s in (1.0, 0.0))
        assert float(moved > still + 0.5) == expected


def test_classes_are_as_far_apart_as_their_probabilities_are() -> None:
    target = torch.randn(3, 10)
    torch.testing.assert_close(class_divergence(target + 5, target), torch.zeros(3), atol=1e-5, rtol=0)
    probabilities = target.softmax(dim=1)
    even = class_divergence(torch.zeros(3, 10), target)
    entropy = -(probabilities * probabilities.log()).sum(dim=1)
    torch.testing.assert_close(even, math.log(10) - entropy)
