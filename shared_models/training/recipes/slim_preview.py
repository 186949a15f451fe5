"""The preview decoder of `slim`, deepened and fine-tuned on the truly rounded latents of a frozen base."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor, nn

from shared_models.codecs.slim.model import SlimModel, load_slim_base
from shared_models.codecs.slim.preview import DeepPreviewDecoder
from shared_models.module_commands import told_in_a_sentence
from shared_models.training.checkpoints import start_from
from shared_models.training.datasets import CropSampler
from shared_models.training.picture_cache import PictureCache, cached_pictures
from shared_models.training.placement import placed
from shared_models.training.trainer import Trainer, TrainerConfig


@dataclass(frozen=True, slots=True)
class SlimPreviewConfig:
    """What the stage is made of."""

    crop: int = 192
    batch: int = 8
    quality: tuple[float, float] = (20.0, 90.0)
    edge_weight: float = 0.01  # of the absolute error of differences between neighbours: people see edges
    device: str = "cpu"
    seed: int = 0


class SlimPreviewRecipe:
    """Minimises squared error plus a little of the error of edges."""

    def __init__(self, pictures: PictureCache, base: SlimModel, config: SlimPreviewConfig) -> None:
        """Start from the preview decoder of `base`, all else of which stays as it is."""
        torch.manual_seed(config.seed)
        self.config = config
        self.crops = CropSampler(pictures, config.crop, config.seed)
        self.base = base.requires_grad_(False)
        placed(self.base, config.device)
        preview = DeepPreviewDecoder(base.config, base.preview).requires_grad_(True)
        self.networks = nn.ModuleDict({"preview": preview})
        placed(self.networks, config.device)

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Mean over a batch of one width, at random qualities."""
        x = self.crops.batch(self.config.batch)
        x = x.to(self.config.device, memory_format=torch.channels_last)
        y_hat = self._base_latents(x)
        with torch.autocast(x.device.type, torch.bfloat16):
            x_hat = self.networks["preview"](y_hat)
        difference = x_hat.float() - x
        squared = difference.square().mean()
        edges = difference.diff(dim=2).abs().mean() + difference.diff(dim=3).abs().mean()
        figures = {"psnr": -10 * squared.detach().log10().item(), "edges": edges.item()}
        return squared + self.config.edge_weight * edges, figures

    def state_dict(self) -> dict[str, Any]:
        """Return the order of the crops."""
        return {"crops": self.crops.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the crops where `state` was taken."""
        self.crops.load_state_dict(state["crops"])

    @torch.no_grad()
    def _base_latents(self, x: Tensor) -> Tensor:
        low, high = self.config.quality
        quality = low + (high - low) * torch.rand(len(x), device=x.device)
        width = int(torch.randint(self.base.config.widths, ()))
        with torch.autocast(x.device.type, torch.bfloat16):
            y = self.base.latents(x, width)
        y_hat: Tensor = self.base.symbols(y, quality) / self.base.gains(quality)
        return y_hat


def train(  # noqa: PLR0917 (every argument is an option with a name)
    data: Annotated[Path, typer.Option(help="Folder of training pictures.")],
    base: Annotated[Path, typer.Option(help="latest.pt of a base run.")],
    folder: Annotated[Path, typer.Option(help="Where checkpoint and log go; caches lie beside it.")],
    start: Annotated[
        Path | None, typer.Option(help="A checkpoint to begin from, of another base say.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="Training time; the schedule ends with it.")] = 15.0,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 5e-4,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Fine-tune the preview decoder, or go on with folder/latest.pt."""
    pictures = cached_pictures(data, folder.parent / "pictures")
    recipe = SlimPreviewRecipe(pictures, load_slim_base(base), SlimPreviewConfig(device=device))
    if start is not None:
        start_from(recipe.networks, start)
    Trainer(recipe, TrainerConfig(folder, minutes, lr=lr, device=device)).run()


if __name__ == "__main__":
    with told_in_a_sentence():
        typer.run(train)
