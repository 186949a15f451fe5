import pytest
import torch

from shared_models.training.rate_distortion import RateController, RateTargets

TARGETS = RateTargets(bpp_low=0.05, bpp_high=0.5, start_factor=6.0, ramp_end=0.3)


def test_targets_come_down_geometrically_and_then_stay() -> None:
    assert TARGETS.at(0, 0.0) == pytest.approx(0.3)
    assert TARGETS.at(0, 0.3) == pytest.approx(0.05)
    assert TARGETS.at(100, 1.0) == pytest.approx(0.5)


def test_lambda_rises_where_the_rate_is_too_high_and_falls_where_it_is_too_low() -> None:
    controller = RateController((0, 50, 100), TARGETS, lmbda_start=1.0)
    quality = torch.tensor([0.0, 100.0])
    for _ in range(20):
        controller.follow(quality, torch.tensor([1.0, 0.01]), progress=1.0)
    low, middle, high = controller.lmbda(torch.tensor([0.0, 50.0, 100.0])).tolist()
    assert low > 1.05
    assert middle == pytest.approx(1.0)
    assert high < 0.95


def test_a_controller_comes_to_rest_at_its_target() -> None:
    controller, quality = RateController((0, 100), TARGETS, lmbda_start=1.0), torch.tensor([0.0])
    for _ in range(3000):
        rate = 0.1 / controller.lmbda(quality)  # a codec whose rate falls as lambda grows
        controller.follow(quality, rate, progress=1.0)
    assert float(rate) == pytest.approx(0.05, rel=0.05)
