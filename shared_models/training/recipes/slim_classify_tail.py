"""The tail of the built-in classifier, distilled from a frozen classifier without any codec.

Its inputs are the teacher's own features at stride 16, so a view costs a few milliseconds, no base needs to
be there yet, and very many views can be seen.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import Tensor, nn

from shared_models.bridges.bridge_network import TrunkConfig
from shared_models.bridges.classifier_teacher import LESSON_SHAPES, ClassifierTeacher
from shared_models.bridges.latent_classifier import ClassifierTail, TailConfig
from shared_models.module_commands import told_in_a_sentence
from shared_models.training.checkpoints import start_from
from shared_models.training.classifier_views import CanvasSource, cut
from shared_models.training.distillation import class_divergence
from shared_models.training.lesson_memory import LessonMemory
from shared_models.training.picture_cache import cached_pictures
from shared_models.training.tail_guides import MAPS, TailGuides
from shared_models.training.trainer import Trainer, TrainerConfig


@dataclass(frozen=True, slots=True)
class SlimClassifyTailConfig:
    """What the stage is made of; the weights are those of the terms of the loss."""

    fresh: int = 24
    batch: int = 48
    views_a_canvas: int = 2
    sides: tuple[int, int] = (208, 336)  # px of a canvas that a view covers, before it is made 224
    memory: int = 12_000  # views, 220 kB each
    map_weight: float = 1.0
    divergence_weight: float = 0.5
    statistics_views: int = 256
    seed: int = 0


class SlimClassifyTailRecipe:
    """Minimises the errors of three maps, relative to their variances, and KL(teacher, tail)."""

    def __init__(
        self, source: CanvasSource, teacher: ClassifierTeacher, config: SlimClassifyTailConfig
    ) -> None:
        """Draw a few views at once to measure the teacher's means and variances."""
        torch.manual_seed(config.seed)
        self.config, self.source, self.teacher = config, source, teacher
        self.random = np.random.default_rng(config.seed)
        self.memory = LessonMemory(config.memory, LESSON_SHAPES)
        sizes = TailConfig()
        self.tail = ClassifierTail(TrunkConfig().hidden_channels, sizes)
        self.tail.beside.requires_grad_(False)  # it reads latents, of which there are none here
        self.guides = TailGuides(sizes.channels)
        first = self.memory.batch(np.array(self._look(config.statistics_views)))
        self.guides.calibrate(first)
        self.tail.calibrate(first["at_16"], first["last"])
        self.networks = nn.ModuleDict({"tail": self.tail, "guides": self.guides})

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Mean over the batch of all terms."""
        fresh = self._look(self.config.fresh)
        again = self.random.integers(len(self.memory), size=self.config.batch - len(fresh))
        lesson = self.memory.batch(np.concatenate([fresh, again]))
        with torch.autocast("cpu", torch.bfloat16):
            maps = self.tail.maps(lesson["at_16"])
            logits = self.tail.logits(maps.wide.mean(dim=(2, 3)))
            errors = self.guides.errors(maps, {name: lesson[name] for name in MAPS})
        divergence = class_divergence(logits, lesson["logits"])
        total = self.config.map_weight * torch.stack(list(errors.values())).sum()
        total = total + self.config.divergence_weight * divergence.mean()
        same = (logits.argmax(dim=1) == lesson["logits"].argmax(dim=1)).float()
        count = len(fresh)
        return total, {name: errors[name].item() for name in MAPS} | {
            "divergence": divergence.mean().item(),
            "divergence_fresh": divergence[:count].mean().item(),
            "agreement_fresh": same[:count].mean().item(),
            "agreement_again": same[count:].mean().item(),
        }

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the draw; the memory fills again."""
        return {"random": self.random.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on drawing where `state` was taken."""
        self.random.bit_generator.state = state["random"]

    def _look(self, count: int) -> list[int]:
        """Let the teacher speak about at least `count` new views; return where they are."""
        places: list[int] = []
        while len(places) < count:
            canvas = self.source.canvas(self.config.sides[0], self.random)
            for _ in range(self.config.views_a_canvas):
                side = min(int(self.random.integers(*self.config.sides)), *canvas.shape[:2])
                top, left = (int(self.random.integers(size - side + 1)) for size in canvas.shape[:2])
                places.append(self.memory.add(asdict(self.teacher.teach(cut(canvas, top, left, side)))))
        return places


def train(
    *,
    data: Annotated[Path, typer.Option(help="Folder of training pictures.")],
    weights: Annotated[Path, typer.Option(help="The teacher: a MobileNetV2 as ONNX.")],
    folder: Annotated[Path, typer.Option(help="Where checkpoint and log go; the cache lies beside it.")],
    start: Annotated[Path | None, typer.Option(help="A checkpoint of this stage to begin from.")] = None,
    minutes: Annotated[float, typer.Option(help="Training time; the schedule ends with it.")] = 30.0,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 3e-3,
) -> None:
    """Train the tail, or go on with folder/latest.pt."""
    pictures = cached_pictures(data, folder.parent / "pictures")
    source = CanvasSource(pictures, range(len(pictures)))
    recipe = SlimClassifyTailRecipe(source, ClassifierTeacher(weights), SlimClassifyTailConfig())
    if start is not None:
        start_from(recipe.networks, start)
    Trainer(recipe, TrainerConfig(folder, minutes, lr=lr, hold=0.3)).run()


if __name__ == "__main__":
    with told_in_a_sentence():
        typer.run(train)
