"""Beginning a stage from what another one has learnt."""

from pathlib import Path

import torch
from torch import nn

from shared_models.errors import InputError


def start_from(networks: nn.ModuleDict, checkpoint: Path) -> None:
    """Load every network from a trainer's checkpoint, exactly; raise InputError where they differ."""
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        for name, network in networks.items():
            network.load_state_dict(state[name])
    except (OSError, KeyError, RuntimeError) as error:
        raise InputError(
            f"{checkpoint} does not hold {', '.join(networks)} of this stage: {error}"
        ) from error
