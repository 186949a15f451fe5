"""Losses against a teacher, one value a picture."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from shared_models.bridges.yolox import Prediction


def pyramid_distance(
    student: Sequence[Tensor], teacher: Sequence[Tensor], variance: Tensor, weights: Sequence[float]
) -> Tensor:
    """Weighted sum over levels of the squared error relative to the level's variance: (B,)."""
    levels = [
        weight * (s.float() - t.float()).square().mean(dim=(1, 2, 3)) / v
        for s, t, v, weight in zip(student, teacher, variance, weights, strict=True)
    ]
    return torch.stack(levels).sum(dim=0)


def head_distance(student: Sequence[Prediction], teacher: Sequence[Prediction]) -> Tensor:
    """Objectness everywhere, classes and boxes where the teacher sees objects, for each object it sees: (B,).

    Cross entropy against the teacher's scores, L1 for raw boxes; objects are the sum of objectness, plus one.
    """
    errors, objects = [], []
    for s, t in zip(student, teacher, strict=True):
        objectness = t.objectness.float().sigmoid()  # (B, 1, h, w)
        seen = F.binary_cross_entropy_with_logits(s.objectness.float(), objectness, reduction="none")
        classes = F.binary_cross_entropy_with_logits(
            s.classes.float(), t.classes.float().sigmoid(), reduction="none"
        ).sum(dim=1, keepdim=True)
        boxes = (s.boxes.float() - t.boxes.float()).abs().sum(dim=1, keepdim=True)
        errors.append((seen + objectness * (classes + boxes)).sum(dim=(1, 2, 3)))
        objects.append(objectness.sum(dim=(1, 2, 3)))
    return torch.stack(errors).sum(dim=0) / (torch.stack(objects).sum(dim=0) + 1)


def class_divergence(logits: Tensor, target: Tensor) -> Tensor:
    """Kullback-Leibler divergence of each row of logits (B, classes) from the target's, in nats: (B,)."""
    student, teacher = F.log_softmax(logits.float(), dim=1), F.log_softmax(target.float(), dim=1)
    return F.kl_div(student, teacher, reduction="none", log_target=True).sum(dim=1)
