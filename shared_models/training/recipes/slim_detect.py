"""The built-in detector of `slim`, trained from scratch on the answers of a frozen YOLOX.

Answers and latents are computed once and read in windows. The detector starts from the bridge that the
base was trained with; `start` takes a tail that was trained on an earlier base, since the features
between bridge and tail are the same space whatever the encoder does.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor, nn

from shared_models.bridges.bridge_files import export_network
from shared_models.bridges.latent_detector import LatentDetectorNetwork, freeze
from shared_models.bridges.yolox import FrozenYolox
from shared_models.codecs.slim.config import SlimConfig
from shared_models.codecs.slim.model import SlimModel
from shared_models.training.answer_windows import AnswerWindows, cache_answers, cache_latents
from shared_models.training.distillation import head_sums, pyramid_distance
from shared_models.training.picture_cache import PictureCache
from shared_models.training.trainer import Trainer, TrainerConfig

LATENT_CHANNELS = SlimConfig().latent_channels
NECK_CHANNELS = (64, 128, 256)


@dataclass(frozen=True, slots=True)
class SlimDetectConfig:
    """What the stage is made of."""

    window: tuple[int, int] = (256, 384)
    batch: int = 6
    train_bridge: bool = False
    neck_weight: float = 2.0
    quality: tuple[float, float] = (20.0, 100.0)
    device: str = "cpu"
    seed: int = 0


class SlimDetectRecipe:
    """Dense distillation of a detector's heads and neck onto the rounded latents of a frozen base."""

    def __init__(self, windows: AnswerWindows, base: dict[str, Any], config: SlimDetectConfig) -> None:
        """Take gains and the first bridge from the checkpoint `base`."""
        torch.manual_seed(config.seed)
        self.config, self.windows = config, windows
        self.base, self.detector = SlimModel(), LatentDetectorNetwork()
        self.base.load_state_dict(base["model"])
        self.detector.bridge.load_state_dict(base["bridge"])
        channels = zip(self.detector.config.channels, NECK_CHANNELS, strict=True)
        self.adapters = nn.ModuleList(nn.Conv2d(mine, theirs, 1) for mine, theirs in channels)
        self.networks = nn.ModuleDict({"tail": self.detector.tail, "adapters": self.adapters})
        if config.train_bridge:
            self.networks["bridge"] = self.detector.bridge
        else:  # it stays that of the base, which may be a newer one after a pause
            freeze(self.detector.bridge)
        freeze(self.base)
        for part in (self.base, self.detector, self.networks):
            part.to(config.device)
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch types leave it out
        self.neck_variance = torch.stack([level.var() for level in windows.batch(32).neck]).to(config.device)

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Mean over the batch of the distance of head outputs and of neck features."""
        batch = self.windows.batch(self.config.batch)
        y_hat = self._rounded(batch.y.to(self.config.device))
        with torch.autocast(y_hat.device.type, torch.bfloat16):
            pyramid = self.detector.tail.pyramid(self.detector.bridge(y_hat))
            imitated = [adapt(level) for adapt, level in zip(self.adapters, pyramid, strict=True)]
            predictions = self.detector.tail.predict(pyramid)
        answers = [answer.to(self.config.device) for answer in batch.answers]
        neck = [level.to(self.config.device) for level in batch.neck]
        errors, objects = head_sums(predictions, answers)
        heads = errors.sum() / (objects.sum() + 1)  # as YOLOX's own loss: a crowded picture counts for more
        necks = pyramid_distance(imitated, neck, self.neck_variance, (1 / 3, 1 / 3, 1 / 3))
        figures = {"heads": heads.item(), "neck": necks.mean().item()}
        return heads + self.config.neck_weight * necks.mean(), figures

    def state_dict(self) -> dict[str, Any]:
        """Return the order of the windows."""
        return {"windows": self.windows.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the windows where `state` was taken."""
        self.windows.load_state_dict(state["windows"])

    @torch.no_grad()
    def _rounded(self, y: Tensor) -> Tensor:
        """Round at random qualities."""
        low, high = self.config.quality
        quality = low + (high - low) * torch.rand(len(y), device=y.device)
        y_hat: Tensor = self.base.symbols(y, quality) / self.base.gains(quality)
        return y_hat


def train(
    *,
    base: Annotated[Path, typer.Option(help="Checkpoint of the base (its encoder and first bridge).")],
    weights: Annotated[Path, typer.Option(help="The teacher: a YOLOX as ONNX.")],
    pictures: Annotated[Path, typer.Option(help="Folder of a picture cache; its answers go beside it.")],
    folder: Annotated[Path, typer.Option(help="Where checkpoint, log and cached latents go.")],
    start: Annotated[Path | None, typer.Option(help="Checkpoint whose tail to start from.")] = None,
    minutes: Annotated[float, typer.Option(help="Training time; the schedule ends with it.")] = 30.0,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 1e-3,
    train_bridge: Annotated[bool, typer.Option(help="Train the bridge, too: the base is final.")] = False,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train the detector, or go on with folder/latest.pt; then write folder/detect.onnx."""
    state = torch.load(base, map_location="cpu", weights_only=True)
    model, cache = SlimModel(), PictureCache(pictures)
    model.load_state_dict(state["model"])
    answers = cache_answers(cache, FrozenYolox(weights), pictures.with_name(f"{pictures.name}-answers"))
    latents = cache_latents(cache, model.eval(), folder / "latents")
    config = SlimDetectConfig(train_bridge=train_bridge, device=device)
    recipe = SlimDetectRecipe(AnswerWindows(answers, latents, config.window, config.seed), state, config)
    if start is not None and not (folder / "latest.pt").exists():
        before = torch.load(start, map_location="cpu", weights_only=True)
        recipe.detector.tail.load_state_dict(before["tail"])
        recipe.adapters.load_state_dict(before["adapters"])
    Trainer(recipe, TrainerConfig(folder, minutes, lr=lr, device=device)).run()
    export_detector(recipe.detector, folder / "detect.onnx")


def export_detector(detector: LatentDetectorNetwork, path: Path) -> None:
    """Write the network that a package ships as `detect`: y_hat (B, 64, h, w) -> maps of three strides."""
    network = detector.cpu().float().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    examples = {"y_hat": torch.randn(1, LATENT_CHANNELS, 4, 6)}
    path.write_bytes(export_network(network, examples, ["map_8", "map_16", "map_32"]))


if __name__ == "__main__":
    typer.run(train)
