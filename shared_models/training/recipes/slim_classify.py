"""The built-in classifier of `slim`, distilled on the latents of a frozen base.

The pupil imitates the teacher's last map, its features and its logits on the same views; its head also
practises on the teacher's own maps, so that it knows all classes from the start.
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

from shared_models.bridges.classifier_teacher import ClassifierTeacher
from shared_models.codecs.slim.classifier import LatentClassifierNet
from shared_models.codecs.slim.model import SlimModel, load_slim_base
from shared_models.training.checkpoints import start_from
from shared_models.training.classifier_views import ViewSet, build_views, draw_views, latents_of, open_views
from shared_models.training.picture_cache import PictureCache, build_cache, picture_paths
from shared_models.training.placement import placed
from shared_models.training.trainer import Trainer, TrainerConfig


@dataclass(frozen=True, slots=True)
class SlimClassifyConfig:
    """What the stage is made of; the weights are those of the terms of the loss."""

    batch: int = 64
    quality: tuple[float, float] = (35.0, 75.0)
    map_weight: float = 1.0
    feature_weight: float = 1.0
    practice_weight: float = 0.5
    practice_share: float = 0.25  # of the batch; the head learns its part long before the rest
    statistics_views: int = 512
    device: str = "cpu"
    seed: int = 0


class SlimClassifyRecipe:
    """Minimises KL(teacher, pupil) plus the imitation of features, relative to their variance."""

    def __init__(
        self, views: ViewSet, latents: NDArray[np.float16], base: SlimModel, config: SlimClassifyConfig
    ) -> None:
        """Take the lessons and the latents of the same views in the same order."""
        torch.manual_seed(config.seed)
        self.config, self.views, self.latents = config, views, latents
        self.random = np.random.default_rng(config.seed)
        self.gains = base.gains.requires_grad_(False)
        sample = views.lesson(np.arange(min(config.statistics_views, len(views))))
        self.map_variance = torch.from_numpy(sample.maps).var(dim=(0, 2, 3)).view(-1, 1, 1).to(config.device)
        self.feature_variance = torch.from_numpy(sample.features).var(dim=0).clamp_min(1e-3).to(config.device)
        self.pupil = LatentClassifierNet()
        self.networks = nn.ModuleDict({"classifier": self.pupil})
        placed(self.networks, config.device)

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Mean over the batch of all terms."""
        chosen = np.sort(self.random.integers(len(self.views), size=self.config.batch))
        lesson = self.views.lesson(chosen)
        maps, features, logits = (
            torch.from_numpy(a).to(self.config.device) for a in (lesson.maps, lesson.features, lesson.logits)
        )
        practised = math.ceil(self.config.practice_share * len(maps))
        y_hat = self._latents(chosen).contiguous(memory_format=torch.channels_last)
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
        """Return the state of the draw."""
        return {"random": self.random.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on drawing where `state` was taken."""
        self.random.bit_generator.state = state["random"]

    def _feature_error(self, features: Tensor, target: Tensor) -> Tensor:
        return ((features.float() - target).square() / self.feature_variance).mean()

    @torch.no_grad()
    def _latents(self, chosen: NDArray[np.int64]) -> Tensor:
        """Return the latents of the views as a decoder has them, at random qualities."""
        y = torch.from_numpy(self.latents[chosen].astype(np.float32)).to(self.config.device)
        low, high = self.config.quality
        gain = self.gains(low + (high - low) * torch.rand(len(y), device=y.device))
        y_hat: Tensor = (y * gain).round() / gain
        return y_hat


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
    folder: Annotated[Path, typer.Option(help="Where checkpoint and log go; caches lie beside it.")],
    start: Annotated[
        Path | None, typer.Option(help="A checkpoint to begin from, of another base say.")
    ] = None,
    hold_out: Annotated[
        str, typer.Option(help="Pictures whose names match are left out.")
    ] = "[0-9]*_n[0-9]*",
    views_each: Annotated[int, typer.Option(help="Views of every picture.")] = 8,
    minutes: Annotated[float, typer.Option(help="Training time; the schedule ends with it.")] = 60.0,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 2e-3,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train the classifier, or go on with folder/latest.pt."""
    cache, lessons = folder.parent / "pictures", folder.parent / "views"
    ready = (cache / "pictures.json").exists()
    pictures = PictureCache(cache) if ready else build_cache(picture_paths([data]), cache)
    if (lessons / "views.npy").exists():
        views = open_views(lessons)
    else:
        kept = [i for i, place in enumerate(pictures.places) if not Path(place.name).match(hold_out)]
        drawn = draw_views(pictures, kept, views_each, seed=0)
        views = build_views(pictures, drawn, ClassifierTeacher(weights), lessons)
    slim = load_slim_base(base)
    latents = latents_of(pictures, views, slim, folder.name)
    recipe = SlimClassifyRecipe(views, latents, slim, SlimClassifyConfig(device=device))
    if start is not None:
        start_from(recipe.networks, start)
    Trainer(recipe, TrainerConfig(folder, minutes, lr=lr, device=device)).run()


if __name__ == "__main__":
    typer.run(train)
