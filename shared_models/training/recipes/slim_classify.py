"""The built-in classifier of `slim`, distilled on the latents of a frozen base.

The pupil is a chain of stages, and every stage has a map of the teacher's to imitate. At first most stages
are given the teacher's own map to start from, so that they learn its function while the stages before them
still learn to see; this help ends, and the chain learns to bear its own errors. Dense targets (four maps,
features, all logits) teach far more a picture than its first class does.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
import typer
from torch import Tensor, nn

from shared_models.bridges.classifier_teacher import ClassifierTeacher, Lesson
from shared_models.codecs.slim.classifier import LatentClassifierNet
from shared_models.codecs.slim.model import load_slim_base
from shared_models.training.checkpoints import start_from
from shared_models.training.classifier_views import ViewMemory, ViewSource
from shared_models.training.picture_cache import PictureCache, build_cache, picture_paths
from shared_models.training.placement import placed
from shared_models.training.trainer import Trainer, TrainerConfig

OTHERS_LR_FACTOR = 0.2  # the last layer is linear and wide: AdamW's steps must be shorter than Muon's
STAGES_IN_HALF = 1  # stages after the first that bfloat16 makes faster: those on the large grid


@dataclass(frozen=True, slots=True)
class SlimClassifyConfig:
    """What the stage is made of; the weights are those of the terms of the loss."""

    fresh: int = 16
    again: int = 16  # views of a batch that come from memory
    cells: tuple[int, ...] = (14, 16, 16, 18)  # sides of views, drawn for each batch
    memory: int = 12_000  # views of each size, 150 kB each
    quality: tuple[float, float] = (35.0, 70.0)
    map_weights: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    feature_weight: float = 1.0
    divergence_weight: float = 2.0
    logit_weight: float = 0.5
    help_at_first: float = 0.4  # share of views for which a stage is given the teacher's map
    help_until: float = 0.3  # of the run
    statistics_views: int = 256
    device: str = "cpu"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and standard deviation of a target, for each channel."""

    mean: Tensor
    deviation: Tensor

    def standard(self, target: Tensor) -> Tensor:
        """Bring a target to mean 0 and variance 1."""
        return (target - self.mean) / self.deviation


def spread_of(target: np.ndarray[Any, np.dtype[np.float32]], device: str) -> Spread:
    """Measure a target (N, C, ...) over everything but channels."""
    values = torch.from_numpy(target).to(device)
    over = (0, *range(2, values.dim()))
    return Spread(values.mean(over, keepdim=True), values.std(over, keepdim=True).clamp_min(1e-2))


class SlimClassifyRecipe:
    """Minimises KL(teacher, pupil) plus the errors of maps, features and logits over their variance."""

    def __init__(self, source: ViewSource, config: SlimClassifyConfig) -> None:
        """Take the views; a few are drawn at once to measure the teacher's targets."""
        torch.manual_seed(config.seed)
        self.config, self.source = config, source
        self.random = np.random.default_rng(config.seed)
        channels = source.base.config.latent_channels
        self.memories = {cells: ViewMemory(config.memory, channels, cells) for cells in set(config.cells)}
        self.gains = source.base.gains.requires_grad_(False)
        memory = self.memories[config.cells[0]]
        sample = memory.lesson(np.array(source.fill(memory, config.statistics_views, self.random)))
        self.map_spreads = [spread_of(target, config.device) for target in sample.maps]
        self.feature_spread = spread_of(sample.features, config.device)
        self.logit_spread = spread_of(sample.logits, config.device)
        self.pupil = LatentClassifierNet()
        self.networks = nn.ModuleDict({"classifier": self.pupil})
        placed(self.networks, config.device)

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Mean over the batch of all terms."""
        y_hat, lesson = self._batch()
        truths = [
            spread.standard(self._tensor(target)).contiguous(memory_format=torch.channels_last)
            for spread, target in zip(self.map_spreads, lesson.maps, strict=True)
        ]
        maps, features, logits = self._run(y_hat, truths, self.help_share(progress))
        errors = [(own.float() - truth).square().mean() for own, truth in zip(maps, truths, strict=True)]
        target = self._tensor(lesson.logits)
        feature_error = self._error(features, self._tensor(lesson.features), self.feature_spread)
        logit_error = self._error(logits, target, self.logit_spread)
        divergence_now = divergence(logits, target)
        total = self.config.divergence_weight * divergence_now
        total = total + self.config.feature_weight * feature_error + self.config.logit_weight * logit_error
        for weight, error in zip(self.config.map_weights, errors, strict=True):
            total = total + weight * error
        return total, {
            "divergence": divergence_now.item(),
            "agreement": agreement(logits, target),
            **{f"map_error_{i}": error.item() for i, error in enumerate(errors)},
            "feature_error": feature_error.item(),
            "logit_error": logit_error.item(),
        }

    def help_share(self, progress: float) -> float:
        """Return the share of views for which each stage is given the teacher's map."""
        return self.config.help_at_first * max(0.0, 1 - progress / self.config.help_until)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the draw; the memory fills again."""
        return {"random": self.random.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on drawing where `state` was taken."""
        self.random.bit_generator.state = state["random"]

    def _batch(self) -> tuple[Tensor, Lesson]:
        memory = self.memories[int(self.random.choice(self.config.cells))]
        fresh = self.source.fill(memory, self.config.fresh, self.random)
        chosen = np.array(fresh + list(self.random.integers(len(memory), size=self.config.again)))
        y = self._tensor(memory.latents[chosen].astype(np.float32))
        low, high = self.config.quality
        gain = self.gains(low + (high - low) * torch.rand(len(y), device=y.device))
        y_hat = (y * gain).round() / gain
        return y_hat.contiguous(memory_format=torch.channels_last), memory.lesson(chosen)

    def _run(self, y_hat: Tensor, truths: list[Tensor], share: float) -> tuple[list[Tensor], Tensor, Tensor]:
        """Run the chain; every stage starts from the true map for about `share` of the views."""
        device = y_hat.device.type
        with torch.autocast(device, torch.bfloat16):
            own, along = self.pupil.first(y_hat)
        maps = [own]
        for i, (stage, truth) in enumerate(zip(self.pupil.stages, truths[:-1], strict=True)):
            is_helped = torch.rand(len(y_hat), 1, 1, 1, device=y_hat.device) < share
            in_half = device != "cpu" or i < STAGES_IN_HALF
            with torch.autocast(device, torch.bfloat16, enabled=in_half):
                given = torch.where(is_helped, truth, maps[-1].float())
                own, along = stage(given, along.float().masked_fill(is_helped, 0.0))
            maps.append(own)
        is_helped = torch.rand(len(y_hat), 1, 1, 1, device=y_hat.device) < share
        with torch.autocast(device, torch.bfloat16):
            features, logits = self.pupil.head(torch.where(is_helped, truths[-1], maps[-1].float()))
        return maps, features, logits

    def _tensor(self, array: np.ndarray[Any, np.dtype[np.float32]]) -> Tensor:
        return torch.from_numpy(array).to(self.config.device)

    @staticmethod
    def _error(own: Tensor, target: Tensor, spread: Spread) -> Tensor:
        return ((own.float() - target) / spread.deviation).square().mean()


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
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 5e-3,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train the classifier, or go on with folder/latest.pt."""
    cache = folder.parent / "pictures"
    ready = (cache / "pictures.json").exists()
    pictures = PictureCache(cache) if ready else build_cache(picture_paths([data]), cache)
    kept = [i for i, place in enumerate(pictures.places) if not Path(place.name).match(hold_out)]
    source = ViewSource(pictures, kept, ClassifierTeacher(weights), load_slim_base(base))
    recipe = SlimClassifyRecipe(source, SlimClassifyConfig(device=device))
    if start is not None:
        start_from(recipe.networks, start)
    config = TrainerConfig(
        folder, minutes, lr=lr, hold=0.25, others_lr_factor=OTHERS_LR_FACTOR, device=device
    )
    Trainer(recipe, config).run()


if __name__ == "__main__":
    typer.run(train)
