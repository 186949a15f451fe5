"""The trunk that is shipped, fitted to several models at once, and the ready-made bridges behind it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import torch
import typer
from torch import Tensor, nn

from shared_models.bridges.bridge_network import BridgeTrunk, TrunkConfig
from shared_models.bridges.trunk_file import trunk_path, write_trunk
from shared_models.errors import InputError
from shared_models.packages.registry import DEFAULT_PACKAGE, open_package
from shared_models.training.bridge_fitting import (
    HeldOutJudge,
    Progress,
    bridge_recipe,
    trainer_config,
    write_fit,
)
from shared_models.training.bridge_plan import BridgePlan, FitConfig
from shared_models.training.recipes.slim_bridge import SlimBridgeRecipe
from shared_models.training.trainer import Trainer

app = typer.Typer()
TRUNK: Final = "trunk"

Images = Annotated[Path, typer.Option(help="Directory of photographs.")]
Folder = Annotated[Path, typer.Option(help="Where checkpoint and log go.")]
Minutes = Annotated[float, typer.Option(help="Training time; the schedule ends with it.")]
Rate = Annotated[float, typer.Option(help="Highest learning rate.")]
Start = Annotated[
    Path | None, typer.Option(help="Checkpoint of a trunk, and of heads by name, to start from.")
]


class SlimTrunkRecipe:
    """Takes a step for one model after the other; every recipe's bridge stands on `trunk`."""

    def __init__(self, trunk: BridgeTrunk, recipes: Mapping[str, SlimBridgeRecipe]) -> None:
        """Take bridges by name of their model."""
        self.recipes = dict(recipes)
        self.networks = nn.ModuleDict({TRUNK: trunk})
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


@app.command()
def trunk(
    *,
    model: Annotated[list[str], typer.Option(help="NAME=FILE of a model, in ONNX; several times.")],
    images: Images,
    folder: Folder,
    minutes: Minutes = 60.0,
    lr: Rate = 1e-3,
    start: Start = None,
) -> None:
    """Fit one trunk to several models, or go on with folder/latest.pt."""
    files = dict(_named(text) for text in model)
    shared = BridgeTrunk(TrunkConfig())
    recipes = {}
    for name, file in files.items():
        plan = _plan(file, images, FitConfig(minutes=minutes, lr=lr))
        recipes[name] = bridge_recipe(plan, shared)
    recipe = SlimTrunkRecipe(shared, recipes)
    if start is not None:
        _start_from(start, recipe.networks)
    Trainer(recipe, trainer_config(plan, folder)).run()


@app.command()
def bridge(
    name: Annotated[str, typer.Argument(help="Name of the ready-made bridge.")],
    *,
    model: Annotated[Path, typer.Option(help="The model, in ONNX.")],
    images: Images,
    folder: Folder,
    output: Annotated[Path, typer.Option(help="Directory that the bridge is written to, without a tail.")],
    minutes: Minutes = 12.0,
    lr: Rate = 5e-4,
    start: Start = None,
    cut: Annotated[list[str] | None, typer.Option(help="Tensor to cut at; several times.")] = None,
    tail: Annotated[bool, typer.Option(help="Write the tail, too.")] = False,
) -> None:
    """Fit a ready-made bridge, or go on with folder/latest.pt, and write it."""
    plan = _plan(model, images, FitConfig(minutes=minutes, lr=lr, cut=tuple(cut or ())))
    recipe = bridge_recipe(plan, BridgeTrunk(TrunkConfig()))
    if start is not None:
        parts = nn.ModuleDict({TRUNK: recipe.bridge.trunk, name: recipe.bridge.heads})
        _start_from(start, parts)
    trainer = Trainer(recipe, trainer_config(plan, folder))
    judge = HeldOutJudge(plan, recipe, trainer, _tell)
    judge.tell()
    trainer.run(judge.watch)
    write_fit(plan, recipe, output, judge.tell(), with_tail=tail)


@app.command()
def ship(start: Annotated[Path, typer.Argument(help="Checkpoint with a trunk.")]) -> None:
    """Write the trunk of a checkpoint to where new fits look for it."""
    state = torch.load(start, map_location="cpu", weights_only=True)
    path = trunk_path(open_package(DEFAULT_PACKAGE).fingerprint.hex())
    write_trunk(path, state[TRUNK])
    typer.echo(f"{path}: {path.stat().st_size} bytes")


def _plan(model: Path, images: Path, config: FitConfig) -> BridgePlan:
    return BridgePlan.open(open_package(DEFAULT_PACKAGE), model, images, config)


def _named(text: str) -> tuple[str, Path]:
    name, separator, file = text.partition("=")
    if not separator:
        raise InputError(f"{text!r} is not NAME=FILE")
    return name, Path(file)


def _start_from(checkpoint: Path, networks: nn.ModuleDict) -> None:
    """Load what the checkpoint has of `networks`; heads of other models are passed over."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    for name, network in networks.items():
        if name in state:
            network.load_state_dict(state[name])


def _tell(progress: Progress) -> None:
    typer.echo(
        f"{progress.step} {progress.trained_s:.0f} s: cut {progress.cut:.3f}, levels {progress.levels:.3f}, "
        f"outputs {progress.outputs:.3f}"
    )


if __name__ == "__main__":
    app()
