"""The built-in classifier of `slim`, distilled on the latents of a frozen base.

The pupil imitates the teacher's last map, its features and its logits on views that hardly come again; its
head also practises on the teacher's own maps, so that it knows all classes from the start.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
import typer
from numpy.typing import NDArray
from torch import Tensor, nn

from shared_models.bridges.classifier_teacher import ClassifierTeacher, Lesson
from shared_models.codecs.slim.classifier import LatentClassifierNet
from shared_models.codecs.slim.model import load_slim_base
from shared_models.training.checkpoints import start_from
from shared_models.training.classifier_views import ViewMemory, ViewSource
from shared_models.training.picture_cache import cached_pictures
from shared_models.training.placement import placed
from shared_models.training.trainer import Trainer, TrainerConfig


@dataclass(frozen=True, slots=True)
class SlimClassifyConfig:
    """What the stage is made of; the weights are those of the terms of the loss."""

    fresh: int = 24
    again: int = 24  # views of a batch that come from memory
    cells: tuple[int, ...] = (14, 16, 16, 18)  # sides of views, drawn for each batch
    memory: int = 12_000  # views of each size, 80 kB each
    quality: tuple[float, float] = (35.0, 70.0)
    map_weight: float = 1.0
    feature_weight: float = 1.0
    practice_weight: float = 0.5
    practice_share: float = 0.25  # of the batch; the head learns its part long before the rest
    statistics_views: int = 256
    device: str = "cpu"
    seed: int = 0


class SlimClassifyRecipe:
    """Minimises KL(teacher, pupil) plus the imitation of features, relative to their variance."""

    def __init__(self, source: ViewSource, config: SlimClassifyConfig) -> None:
        """Take the views; a few are drawn at once to measure the teacher's variance."""
        torch.manual_seed(config.seed)
        self.config, self.source = config, source
        self.random = np.random.default_rng(config.seed)
        channels = source.base.config.latent_channels
        self.memories = {cells: ViewMemory(config.memory, channels, cells) for cells in set(config.cells)}
        self.gains = source.base.gains.requires_grad_(False)
        memory = self.memories[config.cells[0]]
        sample = memory.lesson(np.array(source.fill(memory, config.statistics_views, self.random)))
        self.map_variance = self._tensor(sample.last_map).var(dim=(0, 2, 3)).view(-1, 1, 1)
        self.feature_variance = self._tensor(sample.features).var(dim=0).clamp_min(1e-3)
        self.pupil = LatentClassifierNet()
        self.networks = nn.ModuleDict({"classifier": self.pupil})
        placed(self.networks, config.device)

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Mean over the batch of all terms."""
        y_hat, lesson = self._batch()
        maps, features, logits = map(self._tensor, (lesson.last_map, lesson.features, lesson.logits))
        practised = math.ceil(self.config.practice_share * len(maps))
        with torch.autocast(y_hat.device.type, torch.bfloat16):
            last_map = self.pupil.last_map(y_hat)
            own_features, own_logits = self.pupil.head(last_map)
            practised_features, practised_logits = self.pupil.head(maps[:practised])
        seen = F.interpolate(last_map.float(), maps.shape[2:], mode="bilinear", align_corners=False)
        map_error = ((seen - maps).square() / self.map_variance).mean()
        feature_error = self._feature_error(own_features, features)
        practice = divergence(practised_logits, logits[:practised])
        practice = practice + self._feature_error(practised_features, features[:practised])
        divergence_now = divergence(own_logits, logits)
        total = divergence_now + self.config.map_weight * map_error
        total = total + self.config.feature_weight * feature_error + self.config.practice_weight * practice
        return total, {
            "divergence": divergence_now.item(),
            "agreement": agreement(own_logits, logits),
            "map_error": map_error.item(),
            "feature_error": feature_error.item(),
            "practised_agreement": agreement(practised_logits, logits[:practised]),
        }

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the draw; the memory fills again."""
        return {"random": self.random.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on drawing where `state` was taken."""
        self.random.bit_generator.state = state["random"]

    def _batch(self) -> tuple[Tensor, Lesson]:
        """Return latents as a decoder has them, at random qualities, and the lessons on them."""
        memory = self.memories[int(self.random.choice(self.config.cells))]
        fresh = self.source.fill(memory, self.config.fresh, self.random)
        chosen = np.array(fresh + list(self.random.integers(len(memory), size=self.config.again)))
        y = self._tensor(memory.latents[chosen].astype(np.float32))
        low, high = self.config.quality
        gain = self.gains(low + (high - low) * torch.rand(len(y), device=y.device))
        y_hat = (y * gain).round() / gain
        return y_hat.contiguous(memory_format=torch.channels_last), memory.lesson(chosen)

    def _feature_error(self, features: Tensor, target: Tensor) -> Tensor:
        return ((features.float() - target).square() / self.feature_variance).mean()

    def _tensor(self, array: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(array).to(self.config.device)


def divergence(logits: Tensor, target: Tensor) -> Tensor:
    """Return the mean Kullback-Leibler divergence of rows of logits from the target's, in nats."""
    pupil, teacher = F.log_softmax(logits.float(), dim=1), F.log_softmax(target, dim=1)
    return F.kl_div(pupil, teacher, reduction="batchmean", log_target=True)


def agreement(logits: Tensor, target: Tensor) -> float:
    """Return the share of rows whose first class is the target's."""
    return (logits.argmax(dim=1) == target.argmax(dim=1)).float().mean().item()


def train(  # noqa: PLR0917 (every argument is an option with a name)
    data: Annotated[Path, typer.Option(help="Folder of training pictures.")],
    weights: Annotated[Path, typer.Option(help="The teacher: a MobileNetV2 as ONNX.")],
    base: Annotated[Path, typer.Option(help="latest.pt of a base run.")],
    folder: Annotated[Path, typer.Option(help="Where checkpoint and log go; the cache lies beside it.")],
    start: Annotated[
        Path | None, typer.Option(help="A checkpoint to begin from, of another base say.")
    ] = None,
    hold_out: Annotated[
        str, typer.Option(help="Pictures whose names match are left out.")
    ] = "[0-9]*_n[0-9]*",
    minutes: Annotated[float, typer.Option(help="Training time; the schedule ends with it.")] = 60.0,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 1.5e-3,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train the classifier, or go on with folder/latest.pt."""
    pictures = cached_pictures(data, folder.parent / "pictures")
    kept = [i for i, place in enumerate(pictures.places) if not Path(place.name).match(hold_out)]
    source = ViewSource(pictures, kept, ClassifierTeacher(weights), load_slim_base(base))
    recipe = SlimClassifyRecipe(source, SlimClassifyConfig(device=device))
    if start is not None:
        start_from(recipe.networks, start)
    config = TrainerConfig(folder, minutes, lr=lr, hold=0.25, device=device)
    Trainer(recipe, config).run()


if __name__ == "__main__":
    typer.run(train)
