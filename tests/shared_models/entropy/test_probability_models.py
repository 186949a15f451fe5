"""What the training models estimate is what the coder needs, within one per cent."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch, which the `train` extra installs")

import torch

from shared_models.entropy.checkerboard import CheckerboardContext, anchors
from shared_models.entropy.factorized import FactorizedPrior
from shared_models.entropy.gaussian import (
    SCALE_MIN,
    GaussianConditional,
    gaussian_likelihood,
    total_bits,
)
from shared_models.entropy.gaussian_tables import ScaleLadder
from shared_models.entropy.rans import RansDecoder, RansEncoder
from shared_models.entropy.tables import TableSet

LADDER = ScaleLadder(levels=64, mean_bits=4)
LADDER_TABLES = TableSet.from_tables(LADDER.tables())


def coded_bytes(y: torch.Tensor, scales: torch.Tensor, means: torch.Tensor) -> int:
    """Code rounded y by the ladder's tables, check that it comes back, and give the payload's size."""
    steps = np.rint(means.numpy().astype(np.float64) * 16).astype(np.int64).reshape(-1)
    levels = LADDER.level_of(scales.numpy().astype(np.float64).reshape(-1))
    indices = (levels * 16 + (steps & 15)).astype(np.uint16)
    whole, symbols = (steps >> 4).astype(np.int16), y.numpy().astype(np.int16).reshape(-1)
    encoder = RansEncoder(LADDER_TABLES)
    seen = encoder.push(symbols, indices, whole)
    payload = encoder.flush()
    decoder = RansDecoder(LADDER_TABLES, payload)
    assert np.array_equal(decoder.decode(indices, whole), seen)
    decoder.finish()
    return len(payload)


@pytest.mark.parametrize("width", [0.3, 2.0, 12.0])
def test_the_gaussian_model_estimates_real_bytes(width: float) -> None:
    torch.manual_seed(0)
    scales = width * torch.exp(0.5 * torch.randn(1, 40_000))
    means = 3 * torch.randn(1, 40_000)
    y = torch.round(means + scales * torch.randn(1, 40_000))
    estimate = total_bits(gaussian_likelihood(y, scales, means)).item() / 8
    assert coded_bytes(y, scales, means) == pytest.approx(estimate, rel=0.01)


def test_the_factorised_model_estimates_real_bytes() -> None:
    torch.manual_seed(0)
    prior = FactorizedPrior(4)
    widths = torch.tensor([0.5, 1.0, 3.0, 8.0]).view(1, 4, 1)
    z = widths * torch.randn(1, 4, 4000) + 0.3
    optimiser = torch.optim.Adam(prior.parameters(), lr=3e-2)
    for _ in range(100):
        optimiser.zero_grad()
        _, likelihoods = prior(z[:, :, torch.randint(4000, (400,))])
        (total_bits(likelihoods).mean() / 1600 + prior.quantile_loss() / 10).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    prior.eval()
    with torch.no_grad():
        z_hat, likelihoods = prior(z)
    symbols = torch.round(z_hat - prior.medians.view(1, -1, 1))[0].numpy().astype(np.int16).reshape(-1)
    tables = TableSet.from_tables(prior.tables())
    encoder = RansEncoder(tables)
    indices = np.repeat(np.arange(4, dtype=np.uint16), 4000)
    encoder.push(symbols, indices, np.zeros(len(symbols), np.int16))
    assert len(encoder.flush()) == pytest.approx(total_bits(likelihoods).item() / 8, rel=0.01)


def test_the_checkerboard_model_estimates_real_bytes_pass_after_pass() -> None:
    torch.manual_seed(0)
    model = CheckerboardContext(6, 4).eval()
    hyper = torch.randn(1, 4, 24, 24)
    with torch.no_grad():
        last = model.parameters_net[-1]
        assert isinstance(last, torch.nn.Conv2d)
        assert last.bias is not None
        last.bias[:6] += 1.5
        y = 2 * torch.randn(1, 6, 24, 24)
        y_hat, likelihoods = model(y, hyper)
        is_anchor = anchors(y).expand_as(y)
        sent = 0
        seen = torch.zeros_like(y)
        for is_coded, parameters in (
            (is_anchor, model.anchor_parameters(hyper)),
            (~is_anchor, model.other_parameters(torch.where(is_anchor, y_hat, 0.0), hyper)),
        ):
            scales, means = (each[is_coded] for each in parameters)
            residual = torch.round(y_hat[is_coded] - means)
            sent += coded_bytes(residual, scales, torch.zeros_like(means))
            seen[is_coded] = residual + means  # what a decoder holds after this pass
    assert torch.allclose(seen, y_hat, atol=1e-5)
    assert sent == pytest.approx(total_bits(likelihoods).item() / 8, rel=0.01)


def test_anchors_do_not_see_their_neighbours() -> None:
    torch.manual_seed(0)
    model, hyper, y = CheckerboardContext(3, 2).eval(), torch.randn(1, 2, 6, 6), 4 * torch.randn(1, 3, 6, 6)
    changed = torch.where(anchors(y), y, y + 9)
    first, second = model(y, hyper)[1], model(changed, hyper)[1]
    is_anchor = anchors(y).expand_as(y)
    assert torch.equal(first[is_anchor], second[is_anchor])


def test_training_adds_noise_of_one_symbol_and_evaluation_rounds_about_the_mean() -> None:
    torch.manual_seed(0)
    model, y = GaussianConditional(), torch.full((1000,), 0.3)
    noisy, _ = model.train()(y, torch.ones(1000), torch.zeros(1000))
    assert (noisy - y).abs().max() <= 0.5
    assert (noisy - y).std() == pytest.approx(12**-0.5, rel=0.1)
    rounded, _ = model.eval()(y, torch.ones(1000), torch.full((1000,), 0.9))
    assert torch.allclose(rounded, torch.full((1000,), -0.1))


def test_a_scale_below_its_bound_can_only_be_pushed_up() -> None:
    too_small = torch.tensor([0.01], requires_grad=True)
    gaussian_likelihood(torch.tensor([3.0]), too_small).log().neg().backward()  # type: ignore[no-untyped-call]
    assert too_small.grad is not None
    assert too_small.grad.item() <= 0.0
    assert gaussian_likelihood(torch.zeros(1), too_small) == gaussian_likelihood(
        torch.zeros(1), torch.tensor([SCALE_MIN])
    )
