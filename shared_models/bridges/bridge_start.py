"""What every new bridge starts from, and how it is shipped: what the base's own bridges have learnt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from shared_models.bridges.bridge_network import (
    BridgeHead,
    BridgeNetwork,
    BridgeTrunk,
    FeatureMap,
    TrunkConfig,
)
from shared_models.errors import PackageError
from shared_models.tasks.feature_placement import FRAME_PLANES

RISE_STRIDE: Final = 8
_SHIPPED: Final = Path(__file__).parents[1] / "packages" / "builtin_bridges"
_BLOCK: Final = "blocks."
_RISE: Final = "rise."


@dataclass(frozen=True, slots=True)
class BridgeStart:
    """A trunk that was fitted to other models, and the way from it up to stride 8."""

    trunk: BridgeTrunk
    rise: Mapping[str, Tensor]
    """State of `spread` of a head at stride 8; empty where there is none."""

    def network(self, targets: Sequence[FeatureMap]) -> BridgeNetwork:
        """Put new heads on the trunk; those that can rise as this start does begin so."""
        network = BridgeNetwork(targets, self.trunk)
        for index in range(len(targets)):
            if self.rises(network.head(index)):
                network.head(index).spread.load_state_dict(self.rise)
        return network

    def rises(self, head: BridgeHead) -> bool:
        """Say whether `head` is one at stride 8 that is as wide inside as the rise."""
        is_8 = head.target.stride == RISE_STRIDE
        return is_8 and bool(self.rise) and head.spread.weight.shape == self.rise["weight"].shape


def start_path(latents: str) -> Path:
    """Return where the start for latents of the package with this fingerprint (hex) is, or would be."""
    return _SHIPPED / f"start-{latents}.safetensors"


def open_start(latents: str) -> BridgeStart | None:
    """Load the start that is shipped for these latents, or return None; raise PackageError if damaged."""
    path = start_path(latents)
    return read_start(path) if path.exists() else None


def read_start(path: Path) -> BridgeStart:
    """Read a start with a trunk of any size; raise PackageError."""
    try:
        state = {name: tensor.float() for name, tensor in safetensors.torch.load_file(path).items()}
        rise = {name.removeprefix(_RISE): state.pop(name) for name in list(state) if name.startswith(_RISE)}
        hidden, entering = state["enter.weight"].shape[:2]
        inner = state["blocks.0.first.weight"].shape[0]
        blocks = 1 + max(int(name.split(".")[1]) for name in state if name.startswith(_BLOCK))
        trunk = BridgeTrunk(TrunkConfig(entering - FRAME_PLANES, hidden, inner, blocks))
        trunk.load_state_dict(state)
        if rise and rise["weight"].shape[1] != hidden:
            raise ValueError(f"its rise takes {rise['weight'].shape[1]} channels and its trunk has {hidden}")
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise PackageError(f"{path} is no start of bridges: {error}; install Slimstream again") from None
    return BridgeStart(trunk, rise)


def write_start(path: Path, start: BridgeStart) -> None:
    """Write a start with its weights as float16."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = start.trunk.state_dict() | {f"{_RISE}{name}": tensor for name, tensor in start.rise.items()}
    halves = {name: tensor.detach().to(torch.float16).contiguous() for name, tensor in state.items()}
    safetensors.torch.save_file(halves, path)
