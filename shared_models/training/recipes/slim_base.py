"""The base layer of `slim`: encoder of every width, gains, prior, preview and the first bridge.

Each step holds the widest encoder, the narrowest and one at random (the sandwich rule), each on its share
of the batch: their latents go through the same quantiser, the same bridge and the same frozen teacher, so
one latent space serves all widths.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
import typer
from torch import Tensor, nn

from shared_models.bridges.feature_bridge import BridgeConfig, FeatureBridge
from shared_models.bridges.yolox import FrozenYolox
from shared_models.codecs.slim.model import CodedLatents, SlimModel
from shared_models.training.datasets import CropSampler
from shared_models.training.distillation import head_distance, pyramid_distance
from shared_models.training.picture_cache import PictureCache, cached_pictures
from shared_models.training.placement import placed
from shared_models.training.rate_distortion import RateController, RateTargets
from shared_models.training.trainer import Trainer, TrainerConfig

PIXELS_OF_416 = 416 * 312  # a 4:3 picture whose long side is 416, to speak of bytes a picture

TARGETS = RateTargets(bpp_low=700 * 8 / PIXELS_OF_416, bpp_high=9000 * 8 / PIXELS_OF_416)


@dataclass(frozen=True, slots=True)
class SlimBaseConfig:
    """What the stage is made of. Shares are crops of a batch for the widest, narrowest, random width."""

    crop: int = 256
    shares: tuple[int, int, int] = (3, 3, 2)
    targets: RateTargets = TARGETS
    level_weights: tuple[float, float, float] = (0.5, 1.0, 1.0)
    head_weight: float = 0.1
    head_from: float = 0.35
    preview_weight: float = 16.0
    preview_crops: int = 2
    bridge: BridgeConfig = field(default_factory=BridgeConfig)
    device: str = "cpu"
    seed: int = 0


class SlimBaseRecipe:
    """Distils a frozen YOLOX into latents at target rates, with a preview on the side."""

    def __init__(self, pictures: PictureCache, teacher: FrozenYolox, config: SlimBaseConfig) -> None:
        """Calibrate the teacher's scales on the first pictures and start from random weights."""
        torch.manual_seed(config.seed)
        self.config = config
        self.crops = CropSampler(pictures, config.crop, config.seed)
        self.teacher = teacher.to(config.device)
        self.teacher.calibrate(CropSampler(pictures, config.crop, 1).batch(32).to(config.device))
        self.model = SlimModel()
        self.bridge = FeatureBridge(config.bridge)
        self.rate = RateController(self.model.config.quality_anchors, config.targets)
        self.networks = nn.ModuleDict({"model": self.model, "bridge": self.bridge, "rate": self.rate})
        for part in (self.teacher, self.networks):
            placed(part, config.device)

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Mean over the batch of distortion + lambda(quality) * bits a pixel."""
        x = self.crops.batch(sum(self.config.shares)).to(
            self.config.device, memory_format=torch.channels_last
        )
        quality = 100 * torch.distributions.Beta(2.0, 2.0).sample((len(x),)).to(x.device)
        with torch.autocast(x.device.type, torch.bfloat16):
            y = self._latents(x)
        coded = self.model.quantise(y, quality)
        with torch.autocast(x.device.type, torch.bfloat16):
            features, heads = self._distances(x, coded, progress >= self.config.head_from)
            preview = self._preview_error(x, coded)
        bpp = coded.bits / self.config.crop**2
        lmbda = self.rate.lmbda(quality)
        self.rate.follow(quality, bpp.detach(), progress)
        task = features + self.config.head_weight * heads
        total = (task + lmbda * bpp).mean() + self.config.preview_weight * preview
        return total, self._figures(features, heads, bpp, preview, quality)

    def state_dict(self) -> dict[str, Any]:
        """Return the order of the crops."""
        return {"crops": self.crops.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the crops where `state` was taken."""
        self.crops.load_state_dict(state["crops"])

    def _latents(self, x: Tensor) -> Tensor:
        widest = self.model.config.widest
        widths = (widest, 0, int(torch.randint(1, widest, ())))
        parts = torch.split(x, list(self.config.shares))
        return torch.cat([self.model.latents(p, w) for p, w in zip(parts, widths, strict=True)])

    def _distances(self, x: Tensor, coded: CodedLatents, with_heads: bool) -> tuple[Tensor, Tensor]:
        """Return the distance of features and of head outputs, (B,) each."""
        P3 = self.bridge(coded.y_hat)
        if not with_heads:
            with torch.no_grad():
                target = self.teacher.pyramid(self.teacher.features(x))
            pyramid, heads = self.teacher.pyramid(P3), x.new_zeros(len(x))
        else:
            with torch.no_grad():
                target, target_heads = self.teacher.pyramid_and_heads(self.teacher.features(x))
            pyramid, predictions = self.teacher.pyramid_and_heads(P3)
            heads = head_distance(predictions, target_heads)
        weights = self.config.level_weights
        return pyramid_distance(pyramid, target, self.teacher.variance, weights), heads

    def _preview_error(self, x: Tensor, coded: CodedLatents) -> Tensor:
        """Mean squared error of the preview on a few crops of the batch, pixels in [0, 1]."""
        chosen = torch.randperm(len(x))[: self.config.preview_crops]
        preview = self.model.preview(coded.y_hat[chosen])
        return F.mse_loss(preview.float(), x[chosen])

    def _figures(
        self, features: Tensor, heads: Tensor, bpp: Tensor, preview: Tensor, quality: Tensor
    ) -> dict[str, float]:
        wide, narrow, _ = torch.split(features.detach(), list(self.config.shares))
        middle = (quality - 50).abs() < 15
        figures = {
            "features_widest": wide.mean().item(),
            "features_narrowest": narrow.mean().item(),
            "heads": heads.detach().mean().item(),
            "preview_psnr": -10 * preview.detach().log10().item(),
            "lmbda_50": self.rate.lmbda(quality.new_tensor([50.0])).item(),
        }
        if middle.any():
            figures["bytes_50"] = bpp.detach()[middle].mean().item() * PIXELS_OF_416 / 8
            figures["features_50"] = features.detach()[middle].mean().item()
        return figures


def train(
    *,
    data: Annotated[Path, typer.Option(help="Folder of training pictures.")],
    weights: Annotated[Path, typer.Option(help="The teacher: a YOLOX as ONNX.")],
    folder: Annotated[Path, typer.Option(help="Where checkpoint, log and picture cache go.")],
    minutes: Annotated[float, typer.Option(help="Training time; the schedule ends with it.")] = 60.0,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 1e-3,
    optimiser: Annotated[str, typer.Option(help="muon or adamw.")] = "muon",
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train the base layer, or go on with folder/latest.pt."""
    pictures = cached_pictures(data, folder.parent / "pictures")
    recipe = SlimBaseRecipe(pictures, FrozenYolox(weights), SlimBaseConfig(device=device))
    Trainer(recipe, TrainerConfig(folder, minutes, lr=lr, optimiser=optimiser, device=device)).run()


if __name__ == "__main__":
    typer.run(train)
