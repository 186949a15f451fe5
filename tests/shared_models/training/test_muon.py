import torch
from torch import nn

from shared_models.training.muon import Muon, orthogonalise


def test_singular_values_come_near_one_for_wide_and_tall_matrices() -> None:
    for shape in ((8, 32), (32, 8)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)))
        assert values.min() > 0.5
        assert values.max() < 1.5


def test_steps_bring_a_convolution_to_its_target() -> None:
    torch.manual_seed(0)
    x, target = torch.randn(4, 3, 8, 8), nn.Conv2d(3, 5, 3)
    conv = nn.Conv2d(3, 5, 3, bias=False)
    optimiser = Muon([{"params": [conv.weight]}], lr=0.02)
    losses = []
    for _ in range(60):
        loss = (conv(x) - target(x).detach()).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]


def test_a_weight_without_gradient_stays() -> None:
    weight = nn.Parameter(torch.randn(4, 4))
    before = weight.detach().clone()
    Muon([{"params": [weight]}], lr=0.1, weight_decay=0.5).step()
    torch.testing.assert_close(weight.detach(), before)
