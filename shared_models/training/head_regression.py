"""What a bridge's heads begin as: the ridge regression of the model's own features on what the trunk sees.

The last layer of a head is linear, and so is the placement of its map on the model's canvas. On a trunk that
was fitted to other models the best last layer is known in seconds, where gradients take minutes to come near.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from shared_models.bridges.bridge_network import BridgeHead, BridgeNetwork
from shared_models.tasks.feature_placement import FeaturePlacement
from shared_models.training.bridge_examples import Batch

_RIDGE: Final = 1e-3
"""Penalty of the weights, in units of the inputs' mean square."""
_KERNEL: Final = 3
_VARIANCE_MIN: Final = 1e-4
"""Of a component, as a share of the largest: what hardly moves is not blown up."""
_ALL: Final = 0.999  # a cell of the canvas that is all made by the bridge


@dataclass(slots=True)
class Regression:
    """Sums over rows of inputs and targets; `solve` gives the weights and the bias."""

    ridge: float
    inputs: Tensor | None = field(default=None, init=False)
    both: Tensor | None = field(default=None, init=False)

    def add(self, x: Tensor, y: Tensor) -> None:
        """Take inputs (n, N) and targets (m, N)."""
        x = torch.cat([x, torch.ones_like(x[:1])])
        inputs, both = x @ x.T, x @ y.T
        self.inputs = inputs if self.inputs is None else self.inputs + inputs
        self.both = both if self.both is None else self.both + both

    def solve(self) -> tuple[Tensor, Tensor]:
        """Return weights (m, n) and bias (m,)."""
        assert self.inputs is not None
        assert self.both is not None
        penalty = self.ridge * self.inputs.diagonal()[:-1].mean()
        diagonal = torch.full((len(self.inputs),), float(penalty))
        diagonal[-1] = 0.0  # the bias is free
        found = torch.linalg.solve((self.inputs + diagonal.diag()).double(), self.both.double()).float()
        return found[:-1].T, found[-1]


@torch.no_grad()
def solve_heads(
    bridge: BridgeNetwork, batches: Sequence[Batch], *, risen: Collection[int] = (), ridge: float = _RIDGE
) -> None:
    """Give every head of `bridge` the layers that come nearest to the lessons of `batches`.

    Means and deviations of the heads have to be known. The heads `risen` keep their first layer.
    """
    for index in range(len(bridge.heads)):
        if index not in risen:
            _solve_spread(bridge, index, batches, ridge)
        _solve_leave(bridge, index, batches, ridge)


def _solve_spread(bridge: BridgeNetwork, index: int, batches: Iterable[Batch], ridge: float) -> None:
    """Spread the trunk's features to the principal components of the target, cell by cell."""
    head = bridge.head(index)
    inner = head.leave.in_channels
    components = _components(head, index, batches, inner)  # (inner, C)
    regression = Regression(ridge)
    for framed, target, placement in _examples(head, index, batches):
        shared = bridge.trunk(framed)
        height, width = (side * head.enlarge for side in shared.shape[2:])
        down, across = _weights(placement, target, height, width)
        wanted = components @ _back(target, down, across).flatten(1)
        blocks = F.pixel_unshuffle(wanted.view(1, inner, height, width), head.enlarge)
        regression.add(shared[0].flatten(1), blocks[0].flatten(1))
    weight, bias = regression.solve()
    head.spread.weight.copy_(weight[:, :, None, None])
    assert head.spread.bias is not None
    head.spread.bias.copy_(bias)


def _solve_leave(bridge: BridgeNetwork, index: int, batches: Iterable[Batch], ridge: float) -> None:
    """Give the head's last layer, 3×3, the weights that come nearest to the target on the canvas."""
    head = bridge.head(index)
    regression = Regression(ridge)
    for framed, target, placement in _examples(head, index, batches):
        inside = head.inside(bridge.trunk(framed))
        height, width = inside.shape[2:]
        down, across = _weights(placement, target, height, width)
        taps = F.unfold(inside, _KERNEL, padding=_KERNEL // 2).view(-1, height, width)
        rows, columns = down.sum(1) > _ALL, across.sum(1) > _ALL
        placed = down[rows] @ taps @ across[columns].T
        regression.add(placed.flatten(1), target[:, rows][:, :, columns].flatten(1))
    weight, bias = regression.solve()
    head.leave.weight.copy_(weight.view_as(head.leave.weight))
    assert head.leave.bias is not None
    head.leave.bias.copy_(bias)


def _components(head: BridgeHead, index: int, batches: Iterable[Batch], count: int) -> Tensor:
    """Return the first principal components of the target, each scaled to unit variance: (count, C)."""
    channels = head.leave.out_channels
    squares, cells = torch.zeros(channels, channels), 0
    for _, target, _ in _examples(head, index, batches):
        flat = target.flatten(1)
        squares, cells = squares + flat @ flat.T, cells + flat.shape[1]
    values, vectors = torch.linalg.eigh(squares / cells)  # ascending
    floor = float(values[-1]) * _VARIANCE_MIN
    chosen: Tensor = vectors[:, -count:] / values[-count:].clamp(min=floor).sqrt()
    return chosen.T


def _examples(
    head: BridgeHead, index: int, batches: Iterable[Batch]
) -> Iterable[tuple[Tensor, Tensor, FeaturePlacement]]:
    """Yield framed latents (1, C + 2, h, w), the target (C', H, W) as the head has it, and its placement."""
    for batch in batches:
        for i, example in enumerate(batch.examples):
            features = batch.lesson.features[index][i : i + 1].float()
            target = (features - head.mean) / head.deviation
            yield torch.from_numpy(example.framed), target[0], example.placement


def _weights(placement: FeaturePlacement, target: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return the maps (H, height) and (W, width) from a head's cells to the target's."""
    down = placement.y.weights(target.shape[1], height)
    across = placement.x.weights(target.shape[2], width)
    return torch.tensor(down), torch.tensor(across)


def _back(target: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Bring a target (C, H, W) to the cells of a head (C, h, w): means over where each of them goes."""
    sums = down.T @ target @ across
    shares = torch.outer(down.sum(0), across.sum(0))
    return sums / shares.clamp(min=1e-3)
