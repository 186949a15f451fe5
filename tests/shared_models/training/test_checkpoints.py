from pathlib import Path

import pytest
import torch
from torch import nn

from shared_models.errors import InputError
from shared_models.training.checkpoints import start_from


def test_a_stage_starts_from_what_another_has_learnt(tmp_path: Path) -> None:
    learnt, fresh = nn.Linear(2, 2), nn.Linear(2, 2)
    torch.save({"net": learnt.state_dict(), "step": 7}, tmp_path / "latest.pt")
    start_from(nn.ModuleDict({"net": fresh}), tmp_path / "latest.pt")
    torch.testing.assert_close(fresh.weight, learnt.weight)


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    torch.save({"net": nn.Linear(3, 2).state_dict()}, tmp_path / "latest.pt")
    with pytest.raises(InputError, match="does not hold net"):
        start_from(nn.ModuleDict({"net": nn.Linear(2, 2)}), tmp_path / "latest.pt")
