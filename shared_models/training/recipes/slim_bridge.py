"""A bridge into a frozen model, fitted on the truly rounded latents of a package."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from shared_models.bridges.bridge_network import BridgeNetwork
from shared_models.tasks.feature_placement import FeaturePlacement, Side, fit_pad
from shared_models.tasks.layouts.layout import Task
from shared_models.training.bridge_examples import Batch, EndlessBatches
from shared_models.training.bridge_teacher import Lesson
from shared_models.training.output_distance import (
    OutputScale,
    class_distance,
    detection_distance,
    measure_outputs,
)

_BACKGROUND: Final = 0.125
"""Share of a detector's empty cells that a step looks at."""


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
    """Means and variances (C,) of the teacher's features, measured on a few pictures."""

    means: list[Tensor] = field(default_factory=list)
    variances: list[Tensor] = field(default_factory=list)
    outputs: list[OutputScale] = field(default_factory=list)

    @classmethod
    def of(cls, lessons: Sequence[Lesson], task: Task) -> "Scales":
        """Measure (B, C, H, W) features at the cuts and deeper, and a detector's outputs."""
        columns = zip(*[[*lesson.features, *lesson.levels] for lesson in lessons], strict=True)
        maps = [
            torch.cat([m.float().transpose(0, 1).flatten(1) for m in column], dim=1) for column in columns
        ]
        variances = [m.var(dim=1) for m in maps]  # (C,)
        floors = [v.mean() * 1e-2 + 1e-6 for v in variances]  # a dead channel must not rule the loss
        return cls(
            [m.mean(dim=1) for m in maps],
            [v.clamp(min=float(floor)) for v, floor in zip(variances, floors, strict=True)],
            measure_outputs([lesson.outputs for lesson in lessons]) if task == "detect" else [],
        )


class SlimBridgeRecipe:
    """Brings a bridge's features, the tail's deeper ones and its outputs to those of the whole model."""

    def __init__(
        self,
        batches: EndlessBatches,
        bridge: BridgeNetwork,
        pad: Lesson,
        *,
        loss: BridgeLoss,
        lessons: Sequence[Lesson],
    ) -> None:
        """Take what the teacher makes of a pad-coloured canvas, and `lessons` to measure scales on."""
        self.batches, self.teacher, self.config = batches, batches.maker.teacher, loss
        self.pad = [features[0].float().numpy() for features in pad.features]  # (C, H, W) each
        self._pads: dict[Side, list[Tensor]] = {}
        self.scales = Scales.of(lessons, loss.task)
        self.bridge = bridge
        for k in range(len(bridge.heads)):
            self.bridge.head(k).mean.copy_(self.scales.means[k].view(1, -1, 1, 1))
            self.bridge.head(k).deviation.copy_(self.scales.variances[k].sqrt().view(1, -1, 1, 1))
        self.networks = nn.ModuleDict({"bridge": self.bridge})
        for part in (self.teacher.tail, self.networks):
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch types leave it out
        self._stream: Iterator[Batch] | None = None

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Mean over the next batch."""
        if self._stream is None:
            self._stream = iter(self.batches)
        return self.distance(next(self._stream), _BACKGROUND)

    def distance(self, batch: Batch, background: float = 1.0) -> tuple[Tensor, dict[str, float]]:
        """How far the bridged model is from the whole one on a batch, and the parts of that.

        `background` is the share of a detector's empty cells that is compared.
        """
        features = self.features(batch)
        with torch.autocast("cpu", torch.bfloat16):
            made = self.teacher.tail(*features)
        levels, outputs = made[: len(self.teacher.levels)], made[len(self.teacher.levels) :]
        lesson = batch.lesson
        targets = [*lesson.features, *lesson.levels]
        errors = [
            _relative_error(s, t, v)
            for s, t, v in zip([*features, *levels], targets, self.scales.variances, strict=True)
        ]
        cuts, deeper = errors[: len(features)], errors[len(features) :]
        at_cut = torch.stack(cuts).mean()
        at_levels = torch.stack(deeper).mean() if deeper else torch.zeros(())
        at_outputs = self._outputs(outputs, lesson.outputs, background).mean()
        total = (
            self.config.cut_weight * at_cut
            + self.config.level_weight * at_levels
            + self.config.outputs * at_outputs
        )
        figures = {"cut": at_cut.item(), "levels": at_levels.item(), "outputs": at_outputs.item()}
        return total, figures

    def features(self, batch: Batch) -> list[Tensor]:
        """Make the features of each example on the batch's canvas: one (B, C, H, W) a cut."""
        pads = self._pads_of(batch.side)
        groups: dict[FeaturePlacement, list[int]] = {}
        for i, example in enumerate(batch.examples):
            groups.setdefault(example.placement, []).append(i)
        placed: list[Sequence[Tensor]] = []
        for placement, members in groups.items():  # pictures of one size go through the bridge together
            framed = torch.from_numpy(np.concatenate([batch.examples[i].framed for i in members]))
            with torch.autocast("cpu", torch.bfloat16):
                made = self.bridge(framed.contiguous(memory_format=torch.channels_last))
            placed.append([_placed(f, pad, placement) for f, pad in zip(made, pads, strict=True)])
        if len(placed) == 1:
            return list(placed[0])
        order = torch.tensor([i for members in groups.values() for i in members]).argsort()
        return [torch.cat(maps)[order] for maps in zip(*placed, strict=True)]

    def _pads_of(self, side: Side) -> list[Tensor]:
        """Return what the front makes of padding, (1, C, H, W) a cut, on a canvas of `side`."""
        if side not in self._pads:
            width, height = side
            self._pads[side] = [
                torch.from_numpy(fit_pad(pad, height // level.stride, width // level.stride))[None]
                if self.batches.maker.plan.is_free
                else torch.from_numpy(pad)[None]
                for pad, level in zip(self.pad, self.batches.maker.plan.cut.levels, strict=True)
            ]
        return self._pads[side]

    def _outputs(self, student: Sequence[Tensor], teacher: Sequence[Tensor], background: float) -> Tensor:
        if self.config.task == "detect":
            scales, objectness = self.scales.outputs, self.config.objectness
            return detection_distance(student, teacher, scales, objectness, background)
        return class_distance(student, teacher)

    def state_dict(self) -> dict[str, Any]:
        """Return the number of the next batch."""
        return {"step": self.batches.step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the batch where `state` was taken."""
        self.batches.step = state["step"]


def _placed(features: Tensor, pad: Tensor, placement: FeaturePlacement) -> Tensor:
    """As FeaturePlacement.place, differentiable: (B, C, h, w) on `pad` (1, C, H, W) -> (B, C, H, W)."""
    height, width = pad.shape[2:]
    y, x = placement.y.crop(height, features.shape[2]), placement.x.crop(width, features.shape[3])
    features = features.to(torch.bfloat16)  # as the tail takes them
    if y is not None and x is not None:
        part = features[:, :, y[0] : y[0] + y[1], x[0] : x[0] + x[1]]
        if part.shape[2:] == pad.shape[2:]:
            return part
        canvas = pad.to(torch.bfloat16, memory_format=torch.channels_last).repeat(len(features), 1, 1, 1)
        canvas[:, :, : y[1], : x[1]] = part
        return canvas
    rows = placement.y.weights(height, features.shape[2])
    columns = placement.x.weights(width, features.shape[3])
    rest = torch.from_numpy(1 - np.outer(rows.sum(1), columns.sum(1)))
    moved = torch.tensor(rows) @ (features.float() @ torch.tensor(columns).T)
    return (moved + rest * pad).contiguous(memory_format=torch.channels_last)


def _relative_error(s: Tensor, t: Tensor, variance: Tensor) -> Tensor:
    """Mean squared difference of maps (B, C, H, W) in units of each channel's variance (C,)."""
    by_channel = (s.float() - t).square().mean(dim=(0, 2, 3))
    return (by_channel / variance).mean()
