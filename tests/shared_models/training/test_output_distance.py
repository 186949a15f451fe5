"""Distances between the outputs of a bridged model and of the whole one."""

import pytest
import torch
from torch import Tensor

from shared_models.training.output_distance import (
    class_distance,
    detection_distance,
    measure_outputs,
    thinned,
)


def rows(scores: Tensor) -> Tensor:
    """(B, cells, 3) scores -> (B, cells, 7): boxes in pixels, then the scores."""
    torch.manual_seed(0)
    return torch.cat([torch.randn(*scores.shape[:2], 4) * 50 + 100, scores], dim=2)


@pytest.fixture
def teacher() -> Tensor:
    scores = torch.full((2, 12, 3), 0.01)
    scores[:, 3, 1] = 0.9
    return rows(scores)


def test_channels_are_told_apart_by_what_they_hold(teacher: Tensor) -> None:
    (scale,) = measure_outputs([[teacher.transpose(1, 2)]])  # as YOLOv8 gives them
    assert scale.is_transposed
    assert scale.probabilities.tolist() == [False] * 4 + [True] * 3


@pytest.mark.parametrize("objectness", [None, 4])
def test_the_same_outputs_are_no_distance_apart(teacher: Tensor, objectness: int | None) -> None:
    distance = detection_distance([teacher], [teacher], measure_outputs([[teacher]]), objectness)
    assert distance.shape == (2,)
    assert distance.abs().max() < 1e-4


def test_boxes_count_where_the_model_sees_something(teacher: Tensor) -> None:
    scales = measure_outputs([[teacher]])
    moved_seen, moved_unseen = teacher.clone(), teacher.clone()
    moved_seen[:, 3, :4] += 20
    moved_unseen[:, 5, :4] += 20
    seen, unseen = (detection_distance([m], [teacher], scales, None) for m in (moved_seen, moved_unseen))
    assert (seen > 10 * unseen).all()


def test_where_there_is_objectness_classes_of_empty_cells_mean_nothing(teacher: Tensor) -> None:
    scales = measure_outputs([[teacher]])
    changed = teacher.clone()
    changed[:, 5, 6] = 0.99
    by_classes = detection_distance([changed], [teacher], scales, None)
    by_objectness = detection_distance([changed], [teacher], scales, 4)
    assert (by_objectness < 0.1 * by_classes).all()


def test_scores_and_boxes_may_be_outputs_of_their_own(teacher: Tensor) -> None:
    outputs = [teacher[..., 4:], teacher[..., :4]]  # as NanoDet gives them
    scales = measure_outputs([outputs])
    apart = [outputs[0], outputs[1] + 20]
    assert (detection_distance(apart, outputs, scales, None) > 0).all()


def test_class_distributions_differ_by_their_divergence_whatever_form_they_have() -> None:
    logits = torch.randn(4, 5)
    other = torch.randn(4, 5)
    as_logits = class_distance([other], [logits])
    as_probabilities = class_distance([other.softmax(1)], [logits.softmax(1)])
    assert torch.allclose(as_logits, as_probabilities, atol=1e-3)
    assert class_distance([logits], [logits]).abs().max() < 1e-5


def test_large_maps_are_thinned() -> None:
    maps = torch.randn(1, 3, 400, 300)
    assert class_distance([maps + 1], [maps]).abs().max() < 1e-5  # the same distribution at each pixel
    assert class_distance([-maps], [maps]) > 0.1
    assert torch.equal(class_distance([-maps], [thinned(maps)]), class_distance([-maps], [maps]))


def test_gradients_are_finite_at_certain_scores(teacher: Tensor) -> None:
    student = teacher.clone()
    student[..., 4:] = torch.tensor([0.0, 1.0, 1.0])
    student.requires_grad_()
    detection_distance([student], [teacher], measure_outputs([[teacher]]), None).sum().backward()  # type: ignore[no-untyped-call]
    assert student.grad is not None
    assert torch.isfinite(student.grad).all()


def test_a_share_of_the_empty_cells_stands_for_all_of_them() -> None:
    torch.manual_seed(0)
    teacher = rows(torch.full((1, 4000, 3), 0.01))
    teacher[:, 3, 5] = 0.9
    student = teacher.clone()
    student[..., 4:] = 0.03
    scales = measure_outputs([[teacher]])
    whole, drawn = (detection_distance([student], [teacher], scales, None, share) for share in (1.0, 0.25))
    assert torch.allclose(whole, drawn, rtol=0.1)
    student[:, 5:] = teacher[:, 5:]  # now they differ where something is, and there nothing is left out
    whole, drawn = (detection_distance([student], [teacher], scales, None, share) for share in (1.0, 1e-6))
    assert torch.allclose(whole, drawn, rtol=0.1)


def test_scores_are_a_view_where_they_lie_side_by_side(teacher: Tensor) -> None:
    (scale,) = measure_outputs([[teacher]])
    assert scale.scores == slice(4, 7)
    apart = teacher[..., [4, 0, 5, 6]]
    (scale,) = measure_outputs([[apart]])
    assert isinstance(scale.scores, Tensor)
    assert scale.scores.tolist() == [0, 2, 3]


def test_canvases_of_several_sizes_have_one_scale(teacher: Tensor) -> None:
    small = teacher[:, :2].transpose(1, 2)  # by itself it would be taken for cells before channels
    (scale,) = measure_outputs([[teacher.transpose(1, 2)], [small]])
    assert scale.is_transposed
    assert len(scale.spread) == 7
