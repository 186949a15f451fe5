"""The built-in classifier of `slim`, on the latents of a frozen base.

It begins as what is known already: the bridge to a classifier's features that the base was trained with,
which stays as it is, and the tail of `slim_classify_tail`. At first the tail learns what the teacher makes of
the bridge's own features, a function that can be known exactly; more and more also what the teacher sees in
the picture itself. Coding has lost a part of that, and what cannot be known is learnt by heart: so each view
says it only once.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from torch import Tensor, nn

from shared_models.bridges.bridge_network import framed_whole
from shared_models.bridges.classifier_teacher import LESSON_SHAPES, ClassifierTeacher
from shared_models.bridges.latent_classifier import LatentClassifierNetwork, bridge_of_base
from shared_models.bridges.mobilenet import FrozenMobilenet
from shared_models.codecs.slim.model import SlimModel, load_slim_base
from shared_models.frames import Pixels
from shared_models.module_commands import told_in_a_sentence
from shared_models.training.checkpoints import start_from
from shared_models.training.classifier_views import STRIDE, CanvasSource, cut
from shared_models.training.distillation import class_divergence
from shared_models.training.lesson_memory import LessonMemory
from shared_models.training.picture_cache import cached_pictures
from shared_models.training.tail_guides import TailGuides
from shared_models.training.trainer import Trainer, TrainerConfig


@dataclass(frozen=True, slots=True)
class SlimClassifyConfig:
    """What the stage is made of; the weight is that of the maps' errors against the divergence of classes."""

    fresh: int = 16
    batch: int = 48
    views_a_canvas: int = 4
    cells: tuple[int, ...] = (16, 18, 18)  # sides of views, drawn for each batch
    first_views: int = 64  # of each size
    memory: int = 10_000  # views of each size, 40 kB each
    quality: tuple[float, float] = (35.0, 70.0)
    map_weight: float = 0.5
    truth_share: float = 0.5  # of the classes' loss at the end
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Teachers:
    """The frozen classifier twice: as a network behind given features, and as a quick eye on pictures."""

    network: FrozenMobilenet
    eye: ClassifierTeacher


class SlimClassifyRecipe:
    """Minimises KL(teacher, tail) plus the errors of two maps, relative to their variances."""

    def __init__(
        self,
        pupil: LatentClassifierNetwork,
        base: SlimModel,
        source: CanvasSource,
        teachers: Teachers,
        config: SlimClassifyConfig,
    ) -> None:
        """Take the pupil as it begins; a few views are drawn at once."""
        torch.manual_seed(config.seed)
        self.config, self.base, self.source, self.teachers = config, base, source, teachers
        self.random = np.random.default_rng(config.seed)
        base.requires_grad_(False)
        pupil.bridge.requires_grad_(False)
        self.pupil, self.guides = pupil, TailGuides(pupil.tail.leave.in_channels)
        self.networks = nn.ModuleDict({"bridge": pupil.bridge, "tail": pupil.tail, "guides": self.guides})
        self.memories = {cells: self._memory(cells) for cells in sorted(set(config.cells))}

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Mean over the batch of all terms; the classes' target moves with `progress`."""
        memory = self.memories[int(self.random.choice(self.config.cells))]
        fresh = self._look(memory, self.config.fresh)
        again = self.random.integers(len(memory), size=self.config.batch - len(fresh))
        lesson = memory.batch(np.concatenate([fresh, again]))
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                shared = self.pupil.bridge.trunk(framed_whole(self._quantised(lesson["latents"])))
                features = self.pupil.bridge.head(0)(shared)
                view = self.teachers.network.view(features)
            maps = self.pupil.tail.maps(features, self.pupil.tail.aside(shared))
            logits = self.pupil.tail.logits(maps.wide.mean(dim=(2, 3)))
            errors = self.guides.errors(maps, {"at_32": view.at_32.float(), "last": view.last.float()})
        behind, seen = class_divergence(logits, view.logits), class_divergence(logits, lesson["logits"])
        count = len(fresh)
        truth = self.config.truth_share * progress
        loss = (1 - truth) * behind.mean() + truth * seen[:count].mean()
        loss = loss + self.config.map_weight * torch.stack(list(errors.values())).sum()
        same = (logits.argmax(dim=1) == lesson["logits"].argmax(dim=1)).float()
        imitated = (logits.argmax(dim=1) == view.logits.argmax(dim=1)).float()
        return loss, {name: error.item() for name, error in errors.items()} | {
            "divergence_behind": behind[:count].mean().item(),
            "divergence_fresh": seen[:count].mean().item(),
            "divergence_again": seen[count:].mean().item(),
            "agreement_behind": imitated[:count].mean().item(),
            "agreement_fresh": same[:count].mean().item(),
            "agreement_again": same[count:].mean().item(),
        }

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the draw; the memories fill again."""
        return {"random": self.random.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on drawing where `state` was taken."""
        self.random.bit_generator.state = state["random"]

    def _memory(self, cells: int) -> LessonMemory:
        latents = (self.base.config.latent_channels, cells, cells)
        shapes = {"latents": latents, "logits": LESSON_SHAPES["logits"]}
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
            for _ in range(self.config.views_a_canvas):
                top, left = (int(self.random.integers(size - cells + 1)) for size in y.shape[1:])
                view = y[:, top : top + cells, left : left + cells]
                square = cut(canvas, top * STRIDE, left * STRIDE, cells * STRIDE)
                logits = self.teachers.eye.teach(square).logits
                places.append(memory.add({"latents": view, "logits": logits}))
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
    source = CanvasSource(pictures, range(len(pictures)))
    teachers = Teachers(FrozenMobilenet(weights), ClassifierTeacher(weights))
    pupil = LatentClassifierNetwork(bridge_of_base(base))
    recipe = SlimClassifyRecipe(pupil, load_slim_base(base), source, teachers, SlimClassifyConfig())
    start_from(nn.ModuleDict({"tail": pupil.tail, "guides": recipe.guides}), start)
    Trainer(recipe, TrainerConfig(folder, minutes, lr=lr, hold=0.1)).run()


if __name__ == "__main__":
    with told_in_a_sentence():
        typer.run(train)
