"""The built-in detector of `slim`, trained from scratch on the answers of a frozen YOLOX.

First the tail alone, on stride-8 features: the teacher's own for some crops, the bridge's for the rest. The
features are the same space whatever the encoder does, so this can begin before the base is done. Then, on
the frozen base, bridge and tail together.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor, nn

from shared_models.bridges.latent_detector import LatentDetectorNetwork, freeze
from shared_models.bridges.yolox import FrozenYolox
from shared_models.codecs.slim.model import SlimModel
from shared_models.training.datasets import CropSampler
from shared_models.training.distillation import head_distance, pyramid_distance
from shared_models.training.picture_cache import PictureCache
from shared_models.training.trainer import Trainer, TrainerConfig

NECK_CHANNELS = (64, 128, 256)


@dataclass(frozen=True, slots=True)
class SlimDetectConfig:
    """What the stage is made of."""

    crop: int = 256
    batch: int = 8
    pixel_crops: int = 3  # of the batch, on the teacher's own features; 0 once the bridge is trained, too
    train_bridge: bool = False
    neck_weight: float = 0.5
    quality: tuple[float, float] = (20.0, 100.0)
    device: str = "cpu"
    seed: int = 0


class SlimDetectRecipe:
    """Dense distillation of a detector's heads and neck onto latents of a frozen base."""

    def __init__(
        self, pictures: PictureCache, base: dict[str, Any], teacher: FrozenYolox, config: SlimDetectConfig
    ) -> None:
        """Take encoder, gains and the first bridge from the checkpoint `base`."""
        torch.manual_seed(config.seed)
        self.config = config
        self.crops = CropSampler(pictures, config.crop, config.seed + 100)
        self.base, self.detector = SlimModel(), LatentDetectorNetwork()
        self.base.load_state_dict(base["model"])
        self.detector.bridge.load_state_dict(base["bridge"])
        self.teacher = teacher
        channels = zip(self.detector.config.channels, NECK_CHANNELS, strict=True)
        self.adapters = nn.ModuleList(nn.Conv2d(mine, theirs, 1) for mine, theirs in channels)
        self.networks = nn.ModuleDict({"tail": self.detector.tail, "adapters": self.adapters})
        if config.train_bridge:
            self.networks["bridge"] = self.detector.bridge
        else:  # it stays that of the base, which may be a newer one after a pause
            freeze(self.detector.bridge)
        freeze(self.base)
        for part in (self.base, self.teacher, self.detector, self.networks):
            part.to(config.device)
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch types leave it out
        self.neck_variance = self._neck_variance()

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Mean over the batch of the distance of head outputs and of neck features."""
        x = self.crops.batch(self.config.batch)
        x = x.to(self.config.device, memory_format=torch.channels_last)
        with torch.autocast(x.device.type, torch.bfloat16):
            with torch.no_grad():
                P3 = self.teacher.features(x)
                neck, answers = self.teacher.neck_and_heads(P3)
                y_hat = self._latents(x[self.config.pixel_crops :])
            P3 = torch.cat([P3[: self.config.pixel_crops], self.detector.bridge(y_hat)])
            pyramid = self.detector.tail.pyramid(P3)
            imitated = [adapt(level) for adapt, level in zip(self.adapters, pyramid, strict=True)]
            heads = head_distance(self.detector.tail.predict(pyramid), answers)
        necks = pyramid_distance(imitated, neck, self.neck_variance, (1 / 3, 1 / 3, 1 / 3))
        figures = {"heads": heads.mean().item(), "neck": necks.mean().item()}
        figures["heads_latents"] = heads[self.config.pixel_crops :].mean().item()
        return (heads + self.config.neck_weight * necks).mean(), figures

    def state_dict(self) -> dict[str, Any]:
        """Return the order of the crops."""
        return {"crops": self.crops.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the crops where `state` was taken."""
        self.crops.load_state_dict(state["crops"])

    def _latents(self, x: Tensor) -> Tensor:
        """Code crops at random qualities and at one random width."""
        low, high = self.config.quality
        quality = low + (high - low) * torch.rand(len(x), device=x.device)
        y = self.base.latents(x, int(torch.randint(0, self.base.config.widths, ())))
        return self.base.measure(y, quality).y_hat

    @torch.no_grad()
    def _neck_variance(self) -> Tensor:
        x = self.crops.batch(16).to(self.config.device, memory_format=torch.channels_last)
        neck, _ = self.teacher.neck_and_heads(self.teacher.features(x))
        return torch.stack([level.var() for level in neck])


def train(
    *,
    base: Annotated[Path, typer.Option(help="Checkpoint of the base (its encoder and first bridge).")],
    weights: Annotated[Path, typer.Option(help="The teacher: a YOLOX as ONNX.")],
    pictures: Annotated[Path, typer.Option(help="Folder of a picture cache.")],
    folder: Annotated[Path, typer.Option(help="Where checkpoint and log go.")],
    start: Annotated[Path | None, typer.Option(help="Checkpoint whose tail to start from.")] = None,
    minutes: Annotated[float, typer.Option(help="Training time; the schedule ends with it.")] = 30.0,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 1e-3,
    train_bridge: Annotated[bool, typer.Option(help="Train the bridge, too: the base is final.")] = False,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train the detector, or go on with folder/latest.pt."""
    state = torch.load(base, map_location="cpu", weights_only=True)
    config = SlimDetectConfig(pixel_crops=0 if train_bridge else 3, train_bridge=train_bridge, device=device)
    recipe = SlimDetectRecipe(PictureCache(pictures), state, FrozenYolox(weights), config)
    if start is not None:
        before = torch.load(start, map_location="cpu", weights_only=True)
        recipe.detector.tail.load_state_dict(before["tail"])
        recipe.adapters.load_state_dict(before["adapters"])
    Trainer(recipe, TrainerConfig(folder, minutes, lr=lr, device=device)).run()


if __name__ == "__main__":
    typer.run(train)
