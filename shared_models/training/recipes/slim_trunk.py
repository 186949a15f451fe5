"""The trunk that is shipped: fitted to several models at once, each with heads of its own."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from shared_models.bridges.bridge_network import BridgeTrunk
from shared_models.training.recipes.slim_bridge import SlimBridgeRecipe


class SlimTrunkRecipe:
    """Takes a step for one model after the other; every recipe's bridge stands on `trunk`."""

    def __init__(self, trunk: BridgeTrunk, recipes: Mapping[str, SlimBridgeRecipe]) -> None:
        """Take bridges by name of their model."""
        self.recipes = dict(recipes)
        self.networks = nn.ModuleDict({"trunk": trunk})
        self.networks.update({name: recipe.bridge.heads for name, recipe in self.recipes.items()})
        self.turn = 0

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of the model whose turn it is; its figures carry its name."""
        name = list(self.recipes)[self.turn % len(self.recipes)]
        self.turn += 1
        loss, figures = self.recipes[name].loss(progress)
        return loss, {f"{name}_{figure}": value for figure, value in figures.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return whose turn it is, and each recipe's state."""
        states = {name: recipe.state_dict() for name, recipe in self.recipes.items()}
        return {"turn": self.turn, "recipes": states}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.turn = state["turn"]
        for name, recipe in self.recipes.items():
            recipe.load_state_dict(state["recipes"][name])
