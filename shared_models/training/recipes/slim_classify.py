"""The built-in classifier of `slim`, distilled on the latents of a frozen base.

It begins as what is known already: the bridge to a classifier's features that the base was trained with, and
the tail of `slim_classify_tail`. A share of each batch are the teacher's own features instead, so that the
tail does not forget what it knows of them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from torch import Tensor, nn

from shared_models.bridges.classifier_teacher import LESSON_SHAPES, ClassifierTeacher
from shared_models.bridges.latent_classifier import (
    FEATURES,
    LatentClassifierNetwork,
    TailMaps,
    bridge_of_base,
)
from shared_models.codecs.slim.model import SlimModel, load_slim_base
from shared_models.frames import Pixels
from shared_models.training.checkpoints import start_from
from shared_models.training.classifier_views import STRIDE, CanvasSource, cut
from shared_models.training.distillation import class_divergence
from shared_models.training.lesson_memory import LessonMemory
from shared_models.training.picture_cache import cached_pictures
from shared_models.training.tail_guides import MAPS, TailGuides
from shared_models.training.trainer import Trainer, TrainerConfig

DEEP: Final = (*MAPS, "logits")


@dataclass(frozen=True, slots=True)
class SlimClassifyConfig:
    """What the stage is made of; the weights are those of the terms of the loss."""

    fresh: int = 12
    seen: int = 32  # views of a batch whose latents are seen
    practised: int = 16  # views of a batch of which the tail is given the teacher's features
    views_a_canvas: int = 4
    cells: tuple[int, ...] = (15, 16, 18, 18)  # sides of views, drawn for each batch
    first_views: int = 64  # of each size
    memory: int = 5_000  # views of each size, 240 kB each
    quality: tuple[float, float] = (35.0, 70.0)
    feature_weight: float = 0.5
    map_weight: float = 0.5
    seed: int = 0


class SlimClassifyRecipe:
    """Minimises KL(teacher, pupil) plus the errors of features and maps, relative to their variances."""

    def __init__(
        self,
        pupil: LatentClassifierNetwork,
        base: SlimModel,
        source: CanvasSource,
        teacher: ClassifierTeacher,
        config: SlimClassifyConfig,
    ) -> None:
        """Take the pupil as it begins; a few views are drawn at once."""
        torch.manual_seed(config.seed)
        self.config, self.base, self.source, self.teacher = config, base, source, teacher
        self.random = np.random.default_rng(config.seed)
        base.requires_grad_(False)
        self.pupil, self.guides = pupil, TailGuides(pupil.tail.leave.in_channels)
        self.networks = nn.ModuleDict({"bridge": pupil.bridge, "tail": pupil.tail, "guides": self.guides})
        self.memories = {cells: self._memory(cells) for cells in sorted(set(config.cells))}

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Mean over the batch of all terms."""
        memory = self.memories[int(self.random.choice(self.config.cells))]
        fresh = self._look(memory, self.config.fresh)
        total = self.config.seen + self.config.practised
        again = self.random.integers(len(memory), size=total - len(fresh))
        lesson = memory.batch(np.concatenate([fresh, again]))
        seen = self.config.seen
        with torch.autocast("cpu", torch.bfloat16):
            features, aside = self.pupil.features(self._quantised(lesson["latents"][:seen]))
            nothing = aside.new_zeros(self.config.practised, *aside.shape[1:])
            both = torch.cat([features, lesson["features"][seen:]])
            maps = self.pupil.tail.maps(both, torch.cat([aside, nothing]))
            logits = self.pupil.tail.logits(maps.wide.mean(dim=(2, 3)))
            own = TailMaps(*(part[:seen] for part in (maps.middle, maps.last, maps.wide)))
            errors = self.guides.errors(own, {name: lesson[name][:seen] for name in MAPS})
        deviation = self.pupil.tail.deviation
        feature_error = ((features.float() - lesson["features"][:seen]) / deviation).square().mean()
        divergence = class_divergence(logits, lesson["logits"])
        loss = divergence.mean() + self.config.feature_weight * feature_error
        loss = loss + self.config.map_weight * torch.stack(list(errors.values())).sum()
        same = (logits.argmax(dim=1) == lesson["logits"].argmax(dim=1)).float()
        return loss, {name: error.item() for name, error in errors.items()} | {
            "features": feature_error.item(),
            "divergence": divergence[:seen].mean().item(),
            "divergence_fresh": divergence[: len(fresh)].mean().item(),
            "agreement": same[:seen].mean().item(),
            "agreement_fresh": same[: len(fresh)].mean().item(),
            "agreement_practised": same[seen:].mean().item(),
        }

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the draw; the memories fill again."""
        return {"random": self.random.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on drawing where `state` was taken."""
        self.random.bit_generator.state = state["random"]

    def _memory(self, cells: int) -> LessonMemory:
        shapes = {name: LESSON_SHAPES[name] for name in DEEP}
        shapes["latents"] = (self.base.config.latent_channels, cells, cells)
        shapes["features"] = (FEATURES.channels, cells, cells)
        memory = LessonMemory(self.config.memory, shapes)
        self._look(memory, self.config.first_views)
        return memory

    def _look(self, memory: LessonMemory, count: int) -> list[int]:
        """Encode canvases and let the teacher speak about at least `count` views; return where they are."""
        places: list[int] = []
        cells = memory.arrays["latents"].shape[-1]
        while len(places) < count:
            canvas = self.source.canvas(cells * STRIDE, self.random)
            y = self._latents(canvas, int(self.random.integers(self.base.config.widths)))
            features = self.teacher.features(canvas)
            for _ in range(self.config.views_a_canvas):
                top, left = (int(self.random.integers(size - cells + 1)) for size in y.shape[1:])
                square = (slice(None), slice(top, top + cells), slice(left, left + cells))
                lesson = self.teacher.teach(cut(canvas, top * STRIDE, left * STRIDE, cells * STRIDE))
                deep = {name: getattr(lesson, name) for name in DEEP}
                places.append(memory.add({"latents": y[square], "features": features[square], **deep}))
        return places

    @torch.no_grad()
    def _latents(self, canvas: Pixels, width: int) -> NDArray[np.float32]:
        x = torch.from_numpy(canvas).permute(2, 0, 1).unsqueeze(0).float() / 255
        with torch.autocast("cpu", torch.bfloat16):
            y = self.base.latents(x.contiguous(memory_format=torch.channels_last), width)
        latents: NDArray[np.float32] = y[0].float().numpy()
        return latents

    def _quantised(self, y: Tensor) -> Tensor:
        """Return latents as a decoder has them, each at a random quality."""
        low, high = self.config.quality
        gain = self.base.gains(low + (high - low) * torch.rand(len(y)))
        y_hat: Tensor = (y * gain).round() / gain
        return y_hat


def train(
    *,
    data: Annotated[Path, typer.Option(help="Folder of training pictures.")],
    weights: Annotated[Path, typer.Option(help="The teacher: a MobileNetV2 as ONNX.")],
    base: Annotated[Path, typer.Option(help="latest.pt of a base run; the bridge begins as its own.")],
    start: Annotated[
        Path,
        typer.Option(help="latest.pt of slim_classify_tail, or of this stage: what the tail begins as."),
    ],
    folder: Annotated[Path, typer.Option(help="Where checkpoint and log go; the cache lies beside it.")],
    minutes: Annotated[float, typer.Option(help="Training time; the schedule ends with it.")] = 60.0,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 1.5e-3,
) -> None:
    """Train the classifier, or go on with folder/latest.pt."""
    pictures = cached_pictures(data, folder.parent / "pictures")
    source, teacher = CanvasSource(pictures, range(len(pictures))), ClassifierTeacher(weights)
    pupil = LatentClassifierNetwork(bridge_of_base(base))
    recipe = SlimClassifyRecipe(pupil, load_slim_base(base), source, teacher, SlimClassifyConfig())
    start_from(nn.ModuleDict({"tail": pupil.tail, "guides": recipe.guides}), start)
    Trainer(recipe, TrainerConfig(folder, minutes, lr=lr, hold=0.25)).run()


if __name__ == "__main__":
    typer.run(train)
