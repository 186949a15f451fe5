"""Heads that begin as the regression of a model's features on what a trunk sees."""

import numpy as np
import pytest
import torch

from shared_models.bridges.bridge_network import BridgeNetwork, BridgeTrunk, FeatureMap, TrunkConfig
from shared_models.tasks.feature_placement import FeaturePlacement, Side
from shared_models.tasks.input_convention import Placement
from shared_models.training.bridge_examples import Batch, Example
from shared_models.training.bridge_teacher import Lesson
from shared_models.training.head_regression import Regression, solve_heads

SIZE: Side = (128, 96)
CONFIG = TrunkConfig(latent_channels=6, hidden_channels=12, inner_channels=4, blocks=1)


def a_bridge(seed: int, *targets: FeatureMap) -> BridgeNetwork:
    torch.manual_seed(0)
    trunk = BridgeTrunk(CONFIG)
    torch.manual_seed(seed)
    return BridgeNetwork(targets, trunk)


@torch.no_grad()
def batches_of(model: BridgeNetwork, canvas: Side, placement: Placement) -> list[Batch]:
    """Lessons whose features another bridge could make, pad-coloured with nought around them."""
    random = np.random.default_rng(0)
    where = FeaturePlacement.of(SIZE, canvas, placement)
    batches = []
    for _ in range(8):
        framed = where.frame(random.standard_normal((1, 6, 6, 8), np.float32))
        features = []
        for index, made in enumerate(model(torch.from_numpy(framed))):
            stride = model.head(index).target.stride
            pad = np.zeros((made.shape[1], canvas[1] // stride, canvas[0] // stride), np.float32)
            features.append(torch.from_numpy(where.place(made.numpy(), pad)))
        batches.append(Batch(canvas, [Example(framed, where)], Lesson(features, [], [])))
    return batches


@torch.no_grad()
def error_of(bridge: BridgeNetwork, batches: list[Batch], index: int) -> float:
    """Mean squared error at the cut, as a share of the target's mean square."""
    apart = power = 0.0
    for batch in batches:
        example, target = batch.examples[0], batch.lesson.features[index].numpy()
        made = bridge(torch.from_numpy(example.framed))[index].numpy()
        placed = example.placement.place(made, np.zeros(target.shape[1:], np.float32))
        apart += float(np.square(placed - target).sum())
        power += float(np.square(target).sum())
    return apart / power


@pytest.mark.parametrize(
    ("canvas", "placement"),
    [
        (SIZE, Placement(1.0, 1.0, 0, 0)),
        ((128, 128), Placement(1.0, 1.0, 0, 0)),
        ((192, 160), Placement(1.25, 1.25, 16, 20)),
    ],
)
def test_heads_begin_near_to_what_another_head_on_the_same_trunk_makes(
    canvas: Side, placement: Placement
) -> None:
    targets = FeatureMap(8, 10), FeatureMap(16, 20), FeatureMap(32, 7)
    model = a_bridge(1, *targets)
    for index in range(len(targets)):
        torch.nn.init.normal_(model.head(index).leave.weight)
    batches = batches_of(model, canvas, placement)
    bridge = a_bridge(2, *targets)
    solve_heads(bridge, batches)
    for index in range(len(targets)):
        assert error_of(bridge, batches, index) < 0.25


def test_a_regression_finds_weights_and_bias() -> None:
    torch.manual_seed(0)
    weight, bias = torch.randn(3, 5), torch.tensor([1.0, -2.0, 0.5])
    regression = Regression(1e-6)
    for _ in range(4):
        x = torch.randn(5, 40)
        regression.add(x, weight @ x + bias[:, None])
    found, offset = regression.solve()
    torch.testing.assert_close(found, weight, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(offset, bias, atol=1e-3, rtol=1e-3)


def test_the_penalty_keeps_inputs_that_never_move_out_of_it() -> None:
    regression = Regression(1e-3)
    x = torch.randn(2, 50)
    regression.add(torch.cat([x, torch.zeros(1, 50)]), x)
    weight, _ = regression.solve()
    assert torch.isfinite(weight).all()
    assert weight[:, 2].abs().max() < 1e-3
