"""The distance of a detector's answers from a teacher's, by cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from shared_models.bridges.yolox import Prediction

OBJECTNESS_MIN = 1e-3  # cells below it hold next to nothing to compare, and are nearly all cells
LOG_SIDE_MAX = 5.0  # e^5 cells of stride 8 are wider than any picture we train on


@dataclass(frozen=True, slots=True)
class AnswerWeights:
    """What a cell's objectness, classes, box overlap and raw box are worth."""

    objectness: float = 1.0
    classes: float = 1.2
    overlap: float = 3.0
    raw_box: float = 0.5


def answer_distance(
    student: Sequence[Prediction], teacher: Sequence[Prediction], weights: AnswerWeights
) -> dict[str, Tensor]:
    """Weighted sums over all cells, divided by the objects the teacher sees (plus one), by kind.

    Objectness counts everywhere, boxes by the teacher's objectness where that is not next to nothing,
    classes by its square root: what a teacher takes a doubtful object for tells of seldom classes, too.
    Cross entropies are taken relative to the teacher's own entropy, so that nought is reached by its answers.
    """
    sums = {
        kind: torch.zeros((), device=student[0].boxes.device) for kind in ("objectness", "classes", "box")
    }
    objects = torch.ones((), device=student[0].boxes.device)
    for s, t in zip(student, teacher, strict=True):
        everywhere = t.objectness.float().sigmoid()[:, 0]  # (B, h, w)
        seen = everywhere >= OBJECTNESS_MIN
        objectness = everywhere[seen].unsqueeze(1)  # (N, 1)
        classes = divergence(_at(seen, s.classes), _at(seen, t.classes)).sum(dim=1, keepdim=True)
        mine, theirs = _at(seen, s.boxes), _at(seen, t.boxes)
        boxes = weights.overlap * (1 - overlap(mine, theirs))
        boxes = boxes + weights.raw_box * (mine.float() - theirs.float()).abs().sum(dim=1, keepdim=True)
        sums["objectness"] = (
            sums["objectness"] + weights.objectness * divergence(s.objectness, t.objectness).sum()
        )
        sums["classes"] = sums["classes"] + weights.classes * (objectness.sqrt() * classes).sum()
        sums["box"] = sums["box"] + (objectness * boxes).sum()
        objects = objects + everywhere.sum()
    return {kind: total / objects for kind, total in sums.items()}


def divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """Kullback-Leibler divergence of Bernoulli variables given as logits, elementwise."""
    teacher = teacher.float()
    p = teacher.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(teacher, p, reduction="none")
    return F.binary_cross_entropy_with_logits(student.float(), p, reduction="none") - entropy


def overlap(a: Tensor, b: Tensor) -> Tensor:
    """Generalised intersection over union of raw boxes of the same cells, (N, 4, ...) -> (N, 1, ...).

    Rezatofighi et al. 2019: below the plain ratio by the empty share of the smallest box around both.
    """
    (a1, a2), (b1, b2) = _corners(a), _corners(b)
    common = (torch.minimum(a2, b2) - torch.maximum(a1, b1)).clamp(min=0).prod(dim=1, keepdim=True)
    around = (torch.maximum(a2, b2) - torch.minimum(a1, b1)).prod(dim=1, keepdim=True)
    union = (a2 - a1).prod(dim=1, keepdim=True) + (b2 - b1).prod(dim=1, keepdim=True) - common
    return common / union - (around - union) / around


def _at(seen: Tensor, maps: Tensor) -> Tensor:
    """Maps (B, C, h, w) at the N cells of a mask (B, h, w): (N, C)."""
    return maps.permute(0, 2, 3, 1)[seen]


def _corners(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """(N, 4, ...) centre and log sides, in cells -> top left and bottom right (N, 2, ...) each."""
    centre, half = boxes[:, :2].float(), boxes[:, 2:].float().clamp(max=LOG_SIDE_MAX).exp() / 2
    return centre - half, centre + half
