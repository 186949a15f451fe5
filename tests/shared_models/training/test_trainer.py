import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from shared_models.training.trainer import Trainer, TrainerConfig, learning_rate


class LineRecipe:
    """Fits a 1x1 convolution to twice its input; stops itself after some steps, as a signal would."""

    def __init__(self, steps: int) -> None:
        torch.manual_seed(0)
        self.networks = nn.ModuleDict({"conv": nn.Conv2d(2, 2, 1)})
        self.left, self.drawn = steps, 0

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        self.left -= 1
        self.drawn += 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        x = torch.randn(1, 2, 4, 4)
        loss = (self.networks["conv"](x) - 2 * x).square().mean()
        return loss, {"error": float(loss.detach())}

    def state_dict(self) -> dict[str, Any]:
        return {"drawn": self.drawn}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.drawn = state["drawn"]


def config(folder: Path) -> TrainerConfig:
    return TrainerConfig(folder, minutes=60, warmup=0.0, hold=1.0, log_every_steps=5)


def trained(folder: Path, *runs: int) -> tuple[dict[str, Tensor], int]:
    for steps in runs:
        trainer = Trainer(LineRecipe(steps), config(folder))
        trainer.run()
    return trainer.recipe.networks.state_dict(), trainer.recipe.state_dict()["drawn"]


def test_a_run_that_was_stopped_and_resumed_ends_where_an_unbroken_one_does(tmp_path: Path) -> None:
    unbroken, drawn = trained(tmp_path / "a", 20)
    resumed, drawn_again = trained(tmp_path / "b", 7, 13)
    assert drawn == drawn_again == 20
    for name, value in unbroken.items():
        torch.testing.assert_close(value, resumed[name])


def test_a_signal_leaves_a_checkpoint_and_a_log(tmp_path: Path) -> None:
    trained(tmp_path, 12)
    assert torch.load(tmp_path / "latest.pt", weights_only=True)["step"] == 12
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 2


def test_the_learning_rate_rises_holds_and_ends_at_zero(tmp_path: Path) -> None:
    schedule = TrainerConfig(tmp_path, minutes=1, lr=1.0, warmup=0.1, hold=0.5)
    assert learning_rate(0.05, schedule) == pytest.approx(0.5, abs=0.01)
    assert learning_rate(0.3, schedule) == 1.0
    assert learning_rate(0.75, schedule) == pytest.approx(0.5)
    assert learning_rate(1.0, schedule) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("optimiser", ["muon", "adamw"])
def test_a_share_of_the_learning_rate_slows_the_parameters_that_are_named_so(
    tmp_path: Path, optimiser: str
) -> None:
    def moved(folder: Path, shares: dict[str, float]) -> dict[str, float]:
        recipe = LineRecipe(0)
        before = {name: value.clone() for name, value in recipe.networks.state_dict().items()}
        settings = replace(config(folder), steps=1, optimiser=optimiser, lr_shares=shares)
        Trainer(recipe, settings).run()
        after = recipe.networks.state_dict()
        return {name: float((after[name] - value).norm()) for name, value in before.items()}

    whole = moved(tmp_path / "whole", {})
    slowed = moved(tmp_path / "slowed", {"conv.weight": 0.25})
    assert slowed["conv.weight"] == pytest.approx(0.25 * whole["conv.weight"], rel=1e-3)
    assert slowed["conv.bias"] == pytest.approx(whole["conv.bias"], rel=1e-3)
