"""The trunk that is shipped: what every new bridge starts from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from shared_models.bridges.bridge_network import BridgeTrunk, TrunkConfig
from shared_models.errors import PackageError
from shared_models.tasks.feature_placement import FRAME_PLANES

_SHIPPED: Final = Path(__file__).parents[1] / "packages" / "builtin_bridges"
_BLOCK: Final = "blocks."


def trunk_path(latents: str) -> Path:
    """Return where the trunk for latents of the package with this fingerprint (hex) is, or would be."""
    return _SHIPPED / f"trunk-{latents}.safetensors"


def open_trunk(latents: str) -> BridgeTrunk | None:
    """Load the trunk that is shipped for these latents, or return None; raise PackageError if damaged."""
    path = trunk_path(latents)
    return read_trunk(path) if path.exists() else None


def read_trunk(path: Path) -> BridgeTrunk:
    """Read a trunk of any size; raise PackageError."""
    try:
        state = {name: tensor.float() for name, tensor in safetensors.torch.load_file(path).items()}
        hidden, entering = state["enter.weight"].shape[:2]
        inner = state["blocks.0.first.weight"].shape[0]
        blocks = 1 + max(int(name.split(".")[1]) for name in state if name.startswith(_BLOCK))
        trunk = BridgeTrunk(TrunkConfig(entering - FRAME_PLANES, hidden, inner, blocks))
        trunk.load_state_dict(state)
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise PackageError(f"{path} is not a trunk of bridges: {error}; install Slimstream again") from None
    return trunk


def write_trunk(path: Path, state: Mapping[str, Tensor]) -> None:
    """Write a trunk's state with its weights as float16."""
    path.parent.mkdir(parents=True, exist_ok=True)
    halves = {name: tensor.detach().to(torch.float16).contiguous() for name, tensor in state.items()}
    safetensors.torch.save_file(halves, path)
