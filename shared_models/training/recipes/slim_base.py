"""The base layer of `slim`: encoder of every width, gains, prior, preview and the first bridges.

Each step holds the widest encoder, the narrowest and one at random (the sandwich rule), each on its share
of the batch: their latents go through the same quantiser, the same bridge and the same frozen teachers, so
one latent space serves all widths. Two teachers, a detector and a classifier, stand behind one trunk.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import torch
import torch.nn.functional as F
import typer
from torch import Tensor, nn

from shared_models.bridges.bridge_network import BridgeNetwork, FeatureMap, framed_whole
from shared_models.bridges.mobilenet import FrozenMobilenet
from shared_models.bridges.yolox import FrozenYolox
from shared_models.codecs.slim.model import CodedLatents, SlimModel
from shared_models.module_commands import told_in_a_sentence
from shared_models.training.checkpoints import start_from
from shared_models.training.datasets import CropSampler
from shared_models.training.distillation import class_divergence, head_distance, pyramid_distance
from shared_models.training.picture_cache import PictureCache, cached_pictures
from shared_models.training.placement import placed
from shared_models.training.rate_distortion import RateController, RateTargets
from shared_models.training.trainer import Trainer, TrainerConfig

PIXELS_OF_416: Final = 416 * 312  # a 4:3 picture whose long side is 416, to speak of bytes a picture
TARGETS: Final = RateTargets(bpp_low=750 * 8 / PIXELS_OF_416, bpp_high=10_400 * 8 / PIXELS_OF_416)
DETECTOR_FEATURES: Final = FeatureMap(stride=8, channels=64)
CLASSIFIER_FEATURES: Final = FeatureMap(stride=16, channels=96)


@dataclass(frozen=True, slots=True)
class SlimBaseConfig:
    """What the stage is made of. Shares are crops of a batch for the widest, narrowest, random width."""

    crop: int = 256
    shares: tuple[int, int, int] = (3, 3, 2)
    targets: RateTargets = TARGETS
    level_weights: tuple[float, float, float] = (0.5, 1.0, 1.0)
    head_weight: float = 0.1
    head_from: float = 0.35
    classified_crops: int = 4
    class_weight: float = 0.5
    class_level_weights: tuple[float, float, float] = (0.5, 0.5, 0.5)
    divergence_weight: float = 0.15
    preview_weight: float = 16.0
    preview_crops: int = 2
    device: str = "cpu"
    seed: int = 0


class SlimBaseRecipe:
    """Distils a frozen YOLOX and a frozen MobileNetV2 into latents at target rates, with a preview."""

    def __init__(
        self,
        pictures: PictureCache,
        teacher: FrozenYolox,
        classifier: FrozenMobilenet,
        config: SlimBaseConfig,
    ) -> None:
        """Calibrate the teachers' scales on the first pictures and start from random weights."""
        torch.manual_seed(config.seed)
        self.config = config
        self.crops = CropSampler(pictures, config.crop, config.seed)
        sample = CropSampler(pictures, config.crop, 1).batch(32).to(config.device)
        self.teacher, self.classifier = teacher.to(config.device), classifier.to(config.device)
        self.model = SlimModel()
        self.bridge = BridgeNetwork([DETECTOR_FEATURES, CLASSIFIER_FEATURES])
        for frozen, head in ((self.teacher, self.bridge.head(0)), (self.classifier, self.bridge.head(1))):
            frozen.calibrate(sample)
            features = frozen.features(sample)
            head.mean.copy_(features.mean(dim=(0, 2, 3), keepdim=True))
            head.deviation.copy_(features.std(dim=(0, 2, 3), keepdim=True).clamp_min(1e-3))
        self.rate = RateController(self.model.config.quality_anchors, config.targets)
        self.networks = nn.ModuleDict({"model": self.model, "bridge": self.bridge, "rate": self.rate})
        for part in (self.teacher, self.classifier, self.networks):
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
            shared = self.bridge.trunk(framed_whole(coded.y_hat))
            P3 = self.bridge.head(0)(shared)
            features, heads = self._detector_distances(x, P3, progress >= self.config.head_from)
            classes = self._classifier_distance(x, shared)
            preview = self._preview_error(x, coded)
        bpp = coded.bits / self.config.crop**2
        lmbda = self.rate.lmbda(quality)
        self.rate.follow(quality, bpp.detach(), progress)
        task = features + self.config.head_weight * heads
        total = (task + lmbda * bpp).mean() + self.config.class_weight * classes.mean()
        total = total + self.config.preview_weight * preview
        return total, self._figures(features, heads, bpp, preview, quality) | {
            "classes": classes.detach().mean().item()
        }

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

    def _detector_distances(self, x: Tensor, P3: Tensor, with_heads: bool) -> tuple[Tensor, Tensor]:
        """Return the distance of features and of head outputs, (B,) each."""
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

    def _classifier_distance(self, x: Tensor, shared: Tensor) -> Tensor:
        """Return the distance of a few crops' features, deeper maps and classes: (classified crops,)."""
        chosen = torch.randperm(len(x))[: self.config.classified_crops]
        with torch.no_grad():
            target = self.classifier.features(x[chosen])
            target_view = self.classifier.view(target)
        features = self.bridge.head(1)(shared[chosen])
        view = self.classifier.view(features)
        maps = pyramid_distance(
            [features, view.at_32, view.last],
            [target, target_view.at_32, target_view.last],
            self.classifier.variance,
            self.config.class_level_weights,
        )
        divergence = class_divergence(view.logits, target_view.logits)
        return maps + self.config.divergence_weight * divergence

    def _preview_error(self, x: Tensor, coded: CodedLatents) -> Tensor:
        """Mean squared error of the preview on a few crops of the batch, pixels in [0, 1]."""
        chosen = torch.randperm(len(x))[: self.config.preview_crops]
        preview = self.model.preview(coded.y_hat[chosen])
        return F.mse_loss(preview.float(), x[chosen])

    def _figures(
        self, features: Tensor, heads: Tensor, bpp: Tensor, preview: Tensor, quality: Tensor
    ) -> dict[str, float]:
        wide, narrow, _ = torch.split(features.detach(), list(self.config.shares))
        middle, high = (quality - 50).abs() < 15, quality > 75
        figures = {
            "features_widest": wide.mean().item(),
            "features_narrowest": narrow.mean().item(),
            "heads": heads.detach().mean().item(),
            "preview_psnr": -10 * preview.detach().log10().item(),
            "lmbda_50": self.rate.lmbda(quality.new_tensor([50.0])).item(),
        }
        for name, among in (("50", middle), ("high", high)):
            if among.any():
                figures[f"bytes_{name}"] = bpp.detach()[among].mean().item() * PIXELS_OF_416 / 8
                figures[f"features_{name}"] = features.detach()[among].mean().item()
        return figures


def train(
    *,
    data: Annotated[Path, typer.Option(help="Folder of training pictures.")],
    weights: Annotated[Path, typer.Option(help="The detector that teaches: a YOLOX as ONNX.")],
    classifier: Annotated[Path, typer.Option(help="The classifier that teaches: a MobileNetV2 as ONNX.")],
    folder: Annotated[Path, typer.Option(help="Where checkpoint, log and picture cache go.")],
    start: Annotated[Path | None, typer.Option(help="A checkpoint of this stage to begin from.")] = None,
    minutes: Annotated[float, typer.Option(help="Training time; the schedule ends with it.")] = 60.0,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 1e-3,
    optimiser: Annotated[str, typer.Option(help="muon or adamw.")] = "muon",
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train the base layer, or go on with folder/latest.pt."""
    pictures = cached_pictures(data, folder.parent / "pictures")
    config = SlimBaseConfig(device=device)
    recipe = SlimBaseRecipe(pictures, FrozenYolox(weights), FrozenMobilenet(classifier), config)
    if start is not None:
        start_from(recipe.networks, start)
    Trainer(
        recipe,
        TrainerConfig(folder, minutes, lr=lr, weight_decay=0.05, optimiser=optimiser, device=device),
    ).run()


if __name__ == "__main__":
    with told_in_a_sentence():
        typer.run(train)
