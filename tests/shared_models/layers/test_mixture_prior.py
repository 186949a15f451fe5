import torch

from shared_models.layers.mixture_prior import LogisticMixturePrior


def test_the_masses_of_all_symbols_add_up_to_one_at_any_gain() -> None:
    prior = LogisticMixturePrior(2)
    symbols = torch.arange(-4000.0, 4001.0).view(1, 1, 1, -1).expand(1, 2, 1, -1)
    for gain in (0.3, 1.0, 20.0):
        masses = 2 ** -prior.bits(symbols, torch.full((1, 2, 1, 1), gain))
        torch.testing.assert_close(masses.sum(dim=3), torch.ones(1, 2, 1), atol=1e-2, rtol=0)


def test_the_same_latents_cost_more_at_a_higher_gain() -> None:
    prior, y = LogisticMixturePrior(4), torch.randn(1, 4, 8, 8)
    low, high = (prior.bits((y * g).round(), torch.full((1, 4, 1, 1), g)).sum() for g in (0.5, 4.0))
    assert high > 2 * low


def test_bits_stay_finite_far_out_in_the_tails() -> None:
    bits = LogisticMixturePrior(1).bits(torch.full((1, 1, 1, 1), 1e6), torch.ones(1, 1, 1, 1))
    assert torch.isfinite(bits).all()
