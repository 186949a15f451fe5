"""Distillation stage by stage: what a student makes is compared with, or replaced by, the teacher's."""

from collections.abc import Mapping

import torch
from torch import Tensor

VARIANCE_MIN = 0.05  # of a stage's mean: a channel that hardly moves must not rule the loss


class Guidance:
    """Compares every stage with the teacher's, and hands the teacher's on for a share of the pictures.

    A stage whose inputs are already right learns from the first step, whatever the stages before it know.
    """

    def __init__(self, stages: Mapping[str, Tensor], variances: Mapping[str, Tensor], share: float) -> None:
        """Take the teacher's features (B, C, h, w) and variances (C,) by stage; share 0..1."""
        self.stages, self.variances, self.share = stages, variances, share
        self.errors: dict[str, Tensor] = {}

    def __call__(self, name: str, features: Tensor) -> Tensor:
        """Note the error of `features` (B, C, h, w); return them, or the teacher's in their place."""
        teacher = self.stages[name]
        difference = (features - teacher).permute(0, 2, 3, 1).flatten(0, 2)  # as it lies: three times as fast
        errors = difference.square().sum(dim=0, dtype=torch.float32) / len(difference)
        self.errors[name] = (errors / self.variances[name]).mean()
        if self.share == 0:
            return features
        replaced = torch.rand(len(features), 1, 1, 1, device=features.device) < self.share
        return torch.where(replaced, teacher.to(features.dtype), features)


def channel_variances(stages: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Measure (C,) variances of (B, C, h, w) features by stage, none below a share of their mean."""
    variances = {name: features.float().var(dim=(0, 2, 3)) for name, features in stages.items()}
    return {name: v.clamp(min=VARIANCE_MIN * float(v.mean())) for name, v in variances.items()}
