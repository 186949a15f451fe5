"""What the built-in detector achieves on labelled pictures, beside the bytes its latents cost."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from shared_models.bridges.latent_detector import LatentDetectorNetwork
from shared_models.codecs.pictures import to_tensor
from shared_models.codecs.slim.model import SlimModel, load_slim_base
from shared_models.evaluation.base_layer import boxes_of
from shared_models.evaluation.detection.accuracy import Accuracy
from shared_models.evaluation.detection.labelled_pictures import DetectionSet
from shared_models.module_commands import told_in_a_sentence
from shared_models.tasks.detection import Boxes


@dataclass(frozen=True, slots=True)
class DetectorReport:
    """Mean estimated bytes a picture and detection accuracy at one width and quality."""

    width: str
    quality: float
    pictures: int
    bytes_mean: float
    accuracy: Accuracy


@torch.no_grad()
def evaluate_detector(
    model: SlimModel, detector: LatentDetectorNetwork, pictures: DetectionSet, *, width: int, quality: float
) -> DetectorReport:
    """Code every picture at a width and quality 0..100; score the detector's boxes."""
    detections: dict[int, Boxes] = {}
    sizes: list[float] = []
    for image_id in pictures.ids:
        x = torch.from_numpy(to_tensor(pictures.picture(image_id), model.config.stride))
        coded = model.measure(model.latents(x, width), torch.tensor([float(quality)]))
        sizes.append(float(coded.bits) / 8)
        detections[image_id] = boxes_of(detector(coded.y_hat))
    name, accuracy = model.config.width_names[width], pictures.accuracy(detections)
    return DetectorReport(name, quality, len(pictures.ids), float(np.mean(sizes)), accuracy)


def load_detector(checkpoint: Path, base: Path) -> tuple[SlimModel, LatentDetectorNetwork]:
    """Read the base, and the averaged detector of a training checkpoint."""
    model, detector = load_slim_base(base), LatentDetectorNetwork().eval()
    detector.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["averaged"])
    return model, detector


def report(
    checkpoint: Annotated[Path, typer.Argument(help="latest.pt of a detector run.")],
    *,
    base: Annotated[Path, typer.Option(help="Checkpoint of the base it was trained on.")],
    instances: Annotated[Path, typer.Option(help="COCO instances JSON beside its images.")],
    limit: Annotated[int | None, typer.Option(help="Only the first pictures.")] = None,
    quality: Annotated[list[float] | None, typer.Option(help="Qualities 0..100.")] = None,
    width: Annotated[list[int] | None, typer.Option(help="Width indices, 0 is the narrowest.")] = None,
) -> None:
    """Print one JSON line a width and quality."""
    model, detector = load_detector(checkpoint, base)
    pictures = DetectionSet(instances, limit)
    for w in width or [model.config.widest]:
        for q in quality or [50.0]:
            found = evaluate_detector(model, detector, pictures, width=w, quality=q)
            typer.echo(json.dumps(asdict(found)))


if __name__ == "__main__":
    with told_in_a_sentence():
        typer.run(report)
