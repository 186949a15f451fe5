"""The full decoder of `slim`: what rounding took from the enhancement coefficients, on a frozen base."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
import typer
from torch import Tensor, nn

from shared_models.codecs.slim.enhancement import SlimEnhancement
from shared_models.codecs.slim.enhancement_config import EnhancementConfig
from shared_models.codecs.slim.model import SlimModel, load_slim_base
from shared_models.module_commands import told_in_a_sentence
from shared_models.training.checkpoints import start_from
from shared_models.training.datasets import CropSampler
from shared_models.training.picture_cache import PictureCache, cached_pictures
from shared_models.training.placement import placed
from shared_models.training.trainer import Trainer, TrainerConfig


@dataclass(frozen=True, slots=True)
class SlimEnhancementConfig:
    """What the stage is made of."""

    crop: int = 128
    batch: int = 4
    halved_share: float = 0.3  # of the batches: crops of twice the size, halved; sharper than any file is
    base_quality: tuple[float, float] = (20.0, 80.0)
    enhancement: EnhancementConfig = field(default_factory=EnhancementConfig)
    device: str = "cpu"
    seed: int = 0


class SlimEnhancementRecipe:
    """Minimises the squared error relative to a uniform quantiser's, step^2 / 12, over all qualities."""

    def __init__(self, pictures: PictureCache, base: SlimModel, config: SlimEnhancementConfig) -> None:
        """Start from plain DCT coding; `base` stays as it is."""
        torch.manual_seed(config.seed)
        self.config = config
        self.whole = CropSampler(pictures, config.crop, config.seed)
        self.large = CropSampler(pictures, 2 * config.crop, config.seed + 1)
        self.base = base.requires_grad_(False)
        placed(self.base, config.device)
        self.model = SlimEnhancement(config.enhancement)
        self.networks = nn.ModuleDict({"enhancement": self.model})
        placed(self.networks, config.device)

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Mean over the batch of squared error / (step^2 / 12)."""
        x = self._pictures().to(self.config.device, memory_format=torch.channels_last)
        quality = 100 * torch.rand(len(x), device=x.device)
        y_hat = self._base_latents(x)
        with torch.no_grad():
            gain = self.model.gains(quality)
            symbols = self.model.symbols(self.model.analysis(x), gain)
            plain = self.model.decoder.transform(symbols / gain)
        with torch.autocast(x.device.type, torch.bfloat16):
            x_hat = self.model.reconstruct(y_hat, symbols, gain)
        error = squared_error(x_hat.float(), x)
        relative = 12 * error * gain.mean(dim=(1, 2, 3)).square()
        gained = -10 * (error.detach() / squared_error(plain, x)).log10()
        return relative.mean(), figures(gained, quality)

    def state_dict(self) -> dict[str, Any]:
        """Return the order of the crops."""
        return {"whole": self.whole.state_dict(), "large": self.large.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the crops where `state` was taken."""
        self.whole.load_state_dict(state["whole"])
        self.large.load_state_dict(state["large"])

    def _pictures(self) -> Tensor:
        if torch.rand(()) < self.config.halved_share:
            return F.avg_pool2d(self.large.batch(self.config.batch), 2)
        return self.whole.batch(self.config.batch)

    @torch.no_grad()
    def _base_latents(self, x: Tensor) -> Tensor:
        """Return what a decoder holds of the base, any width, a range of qualities."""
        low, high = self.config.base_quality
        quality = low + (high - low) * torch.rand(len(x), device=x.device)
        width = int(torch.randint(self.base.config.widths, ()))
        with torch.autocast(x.device.type, torch.bfloat16):
            y = self.base.latents(x, width)
        y_hat: Tensor = self.base.symbols(y, quality) / self.base.gains(quality)
        return y_hat


def squared_error(x_hat: Tensor, x: Tensor) -> Tensor:
    """Return the mean squared error a picture, (B,)."""
    return (x_hat - x).square().mean(dim=(1, 2, 3))


def figures(gained: Tensor, quality: Tensor) -> dict[str, float]:
    """Name the dB gained over plain DCT coding, near three qualities."""
    named: dict[str, float] = {}
    for centre in (20, 50, 80):
        near = (quality - centre).abs() < 10
        if near.any():
            named[f"gained_db_{centre}"] = gained[near].mean().item()
    return named


def train(  # noqa: PLR0917 (every argument is an option with a name)
    data: Annotated[Path, typer.Option(help="Folder of pictures, as little compressed as can be had.")],
    base: Annotated[Path, typer.Option(help="latest.pt of a base run.")],
    folder: Annotated[Path, typer.Option(help="Where checkpoint, log and picture cache go.")],
    start: Annotated[
        Path | None, typer.Option(help="A checkpoint to begin from, of another base say.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="Training time; the schedule ends with it.")] = 60.0,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 1e-3,
    optimiser: Annotated[str, typer.Option(help="muon or adamw.")] = "muon",
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train the full decoder, or go on with folder/latest.pt."""
    pictures = cached_pictures(data, folder.parent / "pictures-hq")
    recipe = SlimEnhancementRecipe(pictures, load_slim_base(base), SlimEnhancementConfig(device=device))
    if start is not None:
        start_from(recipe.networks, start)
    Trainer(recipe, TrainerConfig(folder, minutes, lr=lr, optimiser=optimiser, device=device)).run()


if __name__ == "__main__":
    with told_in_a_sentence():
        typer.run(train)
