"""The ready-made bridges, and the trunk that new fits start from: what the base's own bridges have learnt.

The base is trained with a trunk and with heads for a detector and a classifier. The trunk is shipped as it
is, and how the detector's head rises from it to stride 8. A ready-made bridge is that trunk with a head, the
base's own where the model is one of its teachers, fitted for some minutes to the latents as they are sent:
rounded, at every width.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import torch
import typer
from torch import Tensor

from shared_models.bridges.bridge_network import BridgeNetwork, BridgeTrunk, TrunkConfig
from shared_models.bridges.bridge_start import BridgeStart, start_path, write_start
from shared_models.errors import InputError
from shared_models.module_commands import told_in_a_sentence
from shared_models.packages.registry import DEFAULT_PACKAGE, open_package
from shared_models.tasks.convention_text import parse_convention
from shared_models.training.bridge_fitting import (
    HeldOutJudge,
    Progress,
    open_fit,
    write_fit,
)
from shared_models.training.bridge_plan import BridgePlan, FitConfig

app = typer.Typer()

_TRUNK: Final = "trunk."
_HEADS: Final = "heads."
_DETECTOR_HEAD: Final = f"{_HEADS}0."

Base = Annotated[Path, typer.Option(help="Checkpoint of slim_base.")]
Latents = Annotated[str, typer.Option(metavar="NAME|PATH", help="Model package whose latents it is for.")]


@app.command()
def bridge(
    *,
    base: Base,
    model: Annotated[Path, typer.Option(help="The model, in ONNX.")],
    images: Annotated[Path, typer.Option(help="Directory of photographs.")],
    output: Annotated[
        Path, typer.Option(help="Directory that the bridge is written to; checkpoints lie beside it.")
    ],
    latents: Latents = DEFAULT_PACKAGE,
    head: Annotated[
        int | None, typer.Option(help="The base's head for this model: 0 its detector's, 1 its classifier's.")
    ] = None,
    cut: Annotated[list[str] | None, typer.Option(help="Tensor to cut at; several times.")] = None,
    convention: Annotated[
        str | None,
        typer.Option("--input", metavar="CONVENTION", help="How the model wants pictures; else found out."),
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0, help="Training time, with which the schedule ends; 0 takes all as it is.")
    ] = 12.0,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 5e-4,
    threads: Annotated[int, typer.Option(help="Of each network.")] = 1,
) -> None:
    """Fit a ready-made bridge, or go on with its checkpoint, and write it with its tail.

    The tail is for measuring: what is shipped is bridge.json, bridge.onnx and pad.npz.
    """
    torch.set_num_threads(threads)
    config = FitConfig(
        minutes=minutes or 1.0,
        lr=lr,
        cut=tuple(cut or ()),
        convention=parse_convention(convention) if convention else None,
        threads=threads,
    )
    plan = BridgePlan.open(open_package(latents), model, images, config)
    typer.echo(f"{plan.pixel}; cut at {plan.cut}")
    recipe, trainer = open_fit(plan, output.with_name(f"{output.name}.fit"), start_of_base(base))
    if head is not None and trainer.step == 0:
        take_head(recipe.bridge, base, head)
    judge = HeldOutJudge(plan, recipe, trainer, _tell)
    judge.tell()
    if minutes:
        trainer.run(judge.watch)
    write_fit(plan, recipe, output, judge.tell(), with_tail=True)


@app.command()
def start(*, base: Base, latents: Latents = DEFAULT_PACKAGE) -> None:
    """Write the base's trunk, and how its detector's head rises from it, to where new fits look for them."""
    path = start_path(open_package(latents).fingerprint.hex())
    write_start(path, start_of_base(base))
    typer.echo(f"{path}: {path.stat().st_size} bytes")


def start_of_base(base: Path) -> BridgeStart:
    """Return the base's trunk, and the rise of its detector's head; raise InputError."""
    state = _bridge_state(base)
    trunk = BridgeTrunk(TrunkConfig())
    try:
        trunk.load_state_dict(_under(state, _TRUNK))
    except RuntimeError as error:
        raise InputError(f"{base} holds a trunk of other sizes: {error}") from None
    return BridgeStart(trunk, _under(state, f"{_DETECTOR_HEAD}spread."))


def take_head(network: BridgeNetwork, base: Path, head: int) -> None:
    """Give a bridge of one head the base's head of that number; raise InputError."""
    state = _under(_bridge_state(base), f"{_HEADS}{head}.")
    if not state:
        raise InputError(f"{base} has no head {head}; choose another head or none")
    try:
        network.head(0).load_state_dict(state)
    except RuntimeError as error:
        raise InputError(f"{base} holds a head {head} of other sizes: {error}") from None


def _under(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def _bridge_state(base: Path) -> dict[str, Tensor]:
    try:
        state: dict[str, Tensor] = torch.load(base, map_location="cpu", weights_only=True)["bridge"]
    except (OSError, KeyError, RuntimeError) as error:
        raise InputError(f"{base} is no checkpoint of slim_base: {error}") from None
    return state


def _tell(progress: Progress) -> None:
    typer.echo(
        f"{progress.step} {progress.trained_s:.0f} s: cut {progress.cut:.3f}, levels {progress.levels:.3f}, "
        f"outputs {progress.outputs:.3f}"
    )


if __name__ == "__main__":
    with told_in_a_sentence():
        app()
