"""A bridge into a frozen YOLOX, fitted on the truly rounded latents of a frozen base."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor, nn

from shared_models.bridges.bridge_files import write_bridge
from shared_models.bridges.cut import find_cut
from shared_models.bridges.feature_bridge import BridgeConfig, FeatureBridge
from shared_models.bridges.onnx_module import read_onnx
from shared_models.bridges.yolox import FrozenYolox
from shared_models.codecs.slim.model import SlimModel
from shared_models.tasks.bridged import BridgeInfo
from shared_models.training.datasets import CropSampler
from shared_models.training.distillation import head_distance, pyramid_distance
from shared_models.training.picture_cache import PictureCache
from shared_models.training.trainer import Trainer, TrainerConfig


@dataclass(frozen=True, slots=True)
class SlimBridgeConfig:
    """What the stage is made of."""

    crop: int = 256
    batch: int = 8
    quality: tuple[float, float] = (20.0, 90.0)
    level_weights: tuple[float, float, float] = (0.5, 1.0, 1.0)
    head_weight: float = 0.2
    device: str = "cpu"
    seed: int = 0


class SlimBridgeRecipe:
    """Minimises the distance of backbone levels and head outputs; encoder and gains stay as they are."""

    def __init__(
        self, pictures: PictureCache, base: dict[str, Any], teacher: FrozenYolox, config: SlimBridgeConfig
    ) -> None:
        """Start from the bridge in the checkpoint `base`, if it has one."""
        torch.manual_seed(config.seed)
        self.config = config
        self.crops = CropSampler(pictures, config.crop, config.seed + 200)
        self.base, self.bridge, self.teacher = SlimModel(), FeatureBridge(BridgeConfig()), teacher
        self.base.load_state_dict(base["model"])
        self.base.requires_grad_(False).eval()
        if "bridge" in base:
            self.bridge.load_state_dict(base["bridge"])
        self.networks = nn.ModuleDict({"model": self.base, "bridge": self.bridge})
        for part in (self.teacher, self.networks):
            part.to(config.device)
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch types leave it out
        calibration = CropSampler(pictures, config.crop, 1).batch(32)
        self.teacher.calibrate(calibration.to(config.device))

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Mean over the batch, at random qualities and one random width."""
        x = self.crops.batch(self.config.batch)
        x = x.to(self.config.device, memory_format=torch.channels_last)
        with torch.autocast(x.device.type, torch.bfloat16):
            with torch.no_grad():
                target, answers = self.teacher.pyramid_and_heads(self.teacher.features(x))
                y_hat = self._latents(x)
            pyramid, predictions = self.teacher.pyramid_and_heads(self.bridge(y_hat))
            heads = head_distance(predictions, answers)
        features = pyramid_distance(pyramid, target, self.teacher.variance, self.config.level_weights)
        figures = {"features": features.mean().item(), "heads": heads.mean().item()}
        return (features + self.config.head_weight * heads).mean(), figures

    def state_dict(self) -> dict[str, Any]:
        """Return the order of the crops."""
        return {"crops": self.crops.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the crops where `state` was taken."""
        self.crops.load_state_dict(state["crops"])

    def _latents(self, x: Tensor) -> Tensor:
        low, high = self.config.quality
        quality = low + (high - low) * torch.rand(len(x), device=x.device)
        y = self.base.latents(x, int(torch.randint(0, self.base.config.widths, ())))
        return self.base.measure(y, quality).y_hat


def train(
    *,
    base: Annotated[Path, typer.Option(help="Checkpoint of the base.")],
    weights: Annotated[Path, typer.Option(help="The YOLOX to bridge into, as ONNX.")],
    pictures: Annotated[Path, typer.Option(help="Folder of a picture cache.")],
    folder: Annotated[Path, typer.Option(help="Where checkpoint, log and the bridge go.")],
    fingerprint: Annotated[str, typer.Option(help="Of the package whose latents these are, 16 hex digits.")],
    minutes: Annotated[float, typer.Option(help="Training time; the schedule ends with it.")] = 10.0,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 5e-4,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Fit the bridge, or go on with folder/latest.pt; then write it to folder/bridge."""
    state = torch.load(base, map_location="cpu", weights_only=True)
    recipe = SlimBridgeRecipe(
        PictureCache(pictures), state, FrozenYolox(weights), SlimBridgeConfig(device=device)
    )
    Trainer(recipe, TrainerConfig(folder, minutes, lr=lr, device=device)).run()
    model = read_onnx(weights)
    info = BridgeInfo(task="detect", model=weights.stem, latents=fingerprint)
    write_bridge(folder / "bridge", recipe.bridge.cpu().float(), model, find_cut(model), info)


if __name__ == "__main__":
    typer.run(train)
