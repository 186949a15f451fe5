"""A bridge into a frozen model, fitted on the truly rounded latents of a package."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from shared_models.bridges.bridge_network import BridgeNetwork, BridgeTrunk, FeatureMap
from shared_models.bridges.cut_candidates import FeatureLevel
from shared_models.tasks.feature_placement import FeaturePlacement
from shared_models.tasks.layouts.layout import Task
from shared_models.training.bridge_examples import Batch, EndlessBatches, Example
from shared_models.training.bridge_teacher import Lesson
from shared_models.training.output_distance import (
    OutputScale,
    class_distance,
    detection_distance,
    measure_outputs,
)


@dataclass(frozen=True, slots=True)
class BridgeLoss:
    """What counts how much."""

    task: Task
    objectness: int | None = None
    """The channel of a detector's outputs that says whether there is anything at all, if it has one."""
    cut_weight: float = 0.5
    level_weight: float = 2.0
    """Of all deeper levels together: errors there cost more than at the cut."""
    output_weight: float | None = None

    @property
    def outputs(self) -> float:
        """The weight of the outputs' distance: sums over a detector's cells are large."""
        return self.output_weight or (0.6 if self.task == "detect" else 2.0)


@dataclass(slots=True)
class Scales:
    """Means and variances of the teacher's features by channel, measured on a few pictures."""

    means: list[Tensor] = field(default_factory=list)
    variances: list[Tensor] = field(default_factory=list)
    outputs: list[OutputScale] = field(default_factory=list)

    @classmethod
    def of(cls, lesson: Lesson) -> "Scales":
        """Measure (B, C, H, W) features at the cuts and deeper, and the outputs."""
        maps = [torch.from_numpy(m) for m in [*lesson.features, *lesson.levels]]
        variances = [m.var(dim=(0, 2, 3), keepdim=True) for m in maps]
        floors = [v.mean() * 1e-2 + 1e-6 for v in variances]  # a dead channel must not rule the loss
        return cls(
            [m.mean(dim=(0, 2, 3), keepdim=True) for m in maps],
            [v.clamp(min=float(floor)) for v, floor in zip(variances, floors, strict=True)],
            measure_outputs([torch.from_numpy(o) for o in lesson.outputs]),
        )


class SlimBridgeRecipe:
    """Brings a bridge's features, the tail's deeper ones and its outputs to those of the whole model."""

    def __init__(
        self,
        batches: EndlessBatches,
        cut: Sequence[FeatureLevel],
        pad: Lesson,
        calibration: Lesson,
        *,
        loss: BridgeLoss,
        trunk: BridgeTrunk | None = None,
    ) -> None:
        """Take what the teacher makes of a pad-coloured canvas, and of a few pictures for the scales."""
        self.batches, self.teacher, self.config = batches, batches.maker.teacher, loss
        self.pad = [torch.from_numpy(features) for features in pad.features]  # (1, C, H, W) each
        self.scales = Scales.of(calibration)
        self.bridge = BridgeNetwork([FeatureMap(level.stride, level.channels) for level in cut], trunk)
        for k in range(len(cut)):
            self.bridge.head(k).mean.copy_(self.scales.means[k])
            self.bridge.head(k).deviation.copy_(self.scales.variances[k].sqrt())
        self.networks = nn.ModuleDict({"bridge": self.bridge})
        for part in (self.teacher.tail, self.networks):
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch types leave it out
        self._stream: Iterator[Batch] | None = None

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Mean over the next batch."""
        if self._stream is None:
            self._stream = iter(self.batches)
        return self.distance(next(self._stream))

    def distance(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """How far the bridged model is from the whole one on a batch, and the parts of that."""
        features = self.features(batch.examples)
        with torch.autocast("cpu", torch.bfloat16):
            made = self.teacher.tail(*features)
        levels, outputs = made[: len(self.teacher.levels)], made[len(self.teacher.levels) :]
        lesson = batch.lesson
        targets = [torch.from_numpy(m) for m in [*lesson.features, *lesson.levels]]
        errors = [
            ((s.float() - t).square() / v).mean()
            for s, t, v in zip([*features, *levels], targets, self.scales.variances, strict=True)
        ]
        cuts, deeper = errors[: len(features)], errors[len(features) :]
        at_cut = torch.stack(cuts).mean()
        at_levels = torch.stack(deeper).mean() if deeper else torch.zeros(())
        at_outputs = self._outputs(outputs, [torch.from_numpy(o) for o in lesson.outputs]).mean()
        total = (
            self.config.cut_weight * at_cut
            + self.config.level_weight * at_levels
            + self.config.outputs * at_outputs
        )
        figures = {"cut": at_cut.item(), "levels": at_levels.item(), "outputs": at_outputs.item()}
        return total, figures

    def features(self, examples: Sequence[Example]) -> list[Tensor]:
        """Make the features of each example on the model's canvas: one (B, C, H, W) a cut."""
        placed: dict[int, list[Tensor]] = {}
        shapes = {example.framed.shape for example in examples}
        for shape in shapes:  # pictures of one size go through the bridge together
            together = [i for i, example in enumerate(examples) if example.framed.shape == shape]
            framed = torch.from_numpy(np.concatenate([examples[i].framed for i in together]))
            with torch.autocast("cpu", torch.bfloat16):
                made = self.bridge(framed.contiguous(memory_format=torch.channels_last))
            for place, i in enumerate(together):
                features = [maps[place : place + 1] for maps in made]
                placed[i] = self._placed(features, examples[i].placement)
        ordered = [placed[i] for i in range(len(examples))]
        return [
            torch.cat(maps).contiguous(memory_format=torch.channels_last)
            for maps in zip(*ordered, strict=True)
        ]

    def _placed(self, made: Sequence[Tensor], placement: FeaturePlacement) -> list[Tensor]:
        """As FeaturePlacement.place, differentiable."""
        placed = []
        for features, pad in zip(made, self.pad, strict=True):
            rows = placement.y.weights(pad.shape[2], features.shape[2])
            columns = placement.x.weights(pad.shape[3], features.shape[3])
            rest = torch.from_numpy(1 - np.outer(rows.sum(1), columns.sum(1)))
            moved = torch.tensor(rows) @ (features.float() @ torch.tensor(columns).T)
            placed.append(moved + rest * pad)
        return placed

    def _outputs(self, student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
        if self.config.task == "detect":
            return detection_distance(student, teacher, self.scales.outputs, self.config.objectness)
        return class_distance(student, teacher)

    def state_dict(self) -> dict[str, Any]:
        """Return the number of the next batch."""
        return {"step": self.batches.step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the batch where `state` was taken."""
        self.batches.step = state["step"]
