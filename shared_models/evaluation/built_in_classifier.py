"""How often the built-in classifier and its teacher see the same in a photograph neither has trained on."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor

from shared_models.bridges.classifier_teacher import ClassifierTeacher, Lesson
from shared_models.bridges.latent_classifier import LatentClassifierNetwork, load_classifier
from shared_models.codecs.pictures import to_tensor
from shared_models.codecs.slim.model import SlimModel, load_slim_base
from shared_models.evaluation.picture_folder import PictureFolder, picture_paths
from shared_models.frames import Pixels
from shared_models.module_commands import told_in_a_sentence


@dataclass(frozen=True, slots=True)
class AgreementReport:
    """Shares of pictures: same first class; teacher's first in our five; the same where it is sure."""

    pictures: int
    top1: float
    top5: float
    sure_pictures: int
    sure_top1: float


SURE = 0.5  # the teacher's probability from which on it counts as sure


def agreement(own: Sequence[Tensor], lessons: Sequence[Lesson]) -> AgreementReport:
    """Compare logits (1000,) with the teacher's, picture by picture."""
    ours = torch.stack(list(own))
    theirs = torch.from_numpy(np.stack([lesson.logits for lesson in lessons]))
    probability, first = theirs.softmax(dim=1).max(dim=1)
    same = ours.argmax(dim=1) == first
    in_five = (ours.topk(5, dim=1).indices == first.unsqueeze(1)).any(dim=1)
    sure = probability >= SURE
    return AgreementReport(
        len(ours),
        same.float().mean().item(),
        in_five.float().mean().item(),
        int(sure.sum()),
        same[sure].float().mean().item() if sure.any() else float("nan"),
    )


@torch.no_grad()
def classify(
    network: LatentClassifierNetwork, base: SlimModel, pixels: Pixels, width: int, quality: float
) -> Tensor:
    """Return the logits (1000,) of one picture, coded at a width and quality."""
    x = torch.from_numpy(to_tensor(pixels, base.config.stride))
    y_hat = base.measure(base.latents(x, width), torch.tensor([quality])).y_hat
    logits: Tensor = network(y_hat)[0]
    return logits


def report(
    pictures: Annotated[Path, typer.Argument(help="Folder of pictures that were not trained on.")],
    base: Annotated[Path, typer.Option(help="latest.pt of a base run.")],
    classifier: Annotated[Path, typer.Option(help="latest.pt of a classifier run.")],
    teacher: Annotated[Path, typer.Option(help="The teacher as ONNX.")],
    quality: Annotated[float, typer.Option(min=0, max=100)] = 50.0,
) -> None:
    """Print the agreement as one line of JSON a width."""
    slim, network = load_slim_base(base), load_classifier(classifier)
    folder = PictureFolder(picture_paths(pictures))
    indices = range(len(folder.paths))
    look = ClassifierTeacher(teacher)
    lessons = [look.look_at(folder.pixels(index)) for index in indices]
    for width, name in enumerate(slim.config.width_names):
        own = [classify(network, slim, folder.pixels(index), width, quality) for index in indices]
        typer.echo(json.dumps({"width": name, "quality": quality, **asdict(agreement(own, lessons))}))


if __name__ == "__main__":
    with told_in_a_sentence():
        typer.run(report)
