"""What a checkpoint of the base layer achieves on labelled pictures: bytes, detection, preview fidelity."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import Tensor

from shared_models.bridges.feature_bridge import BridgeConfig, FeatureBridge
from shared_models.bridges.yolox import FrozenYolox
from shared_models.codecs.pictures import to_tensor
from shared_models.codecs.slim.model import SlimModel
from shared_models.evaluation.detection.accuracy import Accuracy
from shared_models.evaluation.detection.labelled_pictures import DetectionSet
from shared_models.tasks.detection import SCORE_MIN_EVALUATION, Boxes, candidate_boxes, suppress

TAIL_STRIDE = 32  # a YOLOX tail needs sides that are multiples of its coarsest stride


@dataclass(frozen=True, slots=True)
class BaseReport:
    """Mean estimated bytes a picture, detection accuracy through the bridge, PSNR of the preview."""

    width: str
    quality: float
    pictures: int
    bytes_mean: float
    accuracy: Accuracy
    preview_psnr: float


def detect(yolox: FrozenYolox, P3: Tensor) -> Boxes:
    """Run the frozen tail on stride-8 features (1, 64, h, w); return suppressed boxes."""
    _, predictions = yolox.pyramid_and_heads(P3)
    return boxes_of([p.maps() for p in predictions])


def boxes_of(maps: Sequence[Tensor]) -> Boxes:
    """Maps (1, 85, h, w) of strides 8, 16 and 32 -> suppressed boxes."""
    return suppress(candidate_boxes([m[0].float().numpy() for m in maps], SCORE_MIN_EVALUATION))


@torch.no_grad()
def evaluate_pixels(pictures: DetectionSet, yolox: FrozenYolox) -> Accuracy:
    """Score the detector on the pictures themselves."""
    detections: dict[int, Boxes] = {}
    for image_id in pictures.ids:
        x = torch.from_numpy(to_tensor(pictures.picture(image_id), TAIL_STRIDE))
        detections[image_id] = detect(yolox, yolox.features(x))
    return pictures.accuracy(detections)


@torch.no_grad()
def evaluate_base(
    model: SlimModel,
    bridge: FeatureBridge,
    yolox: FrozenYolox,
    pictures: DetectionSet,
    *,
    width: int,
    quality: float,
) -> BaseReport:
    """Code every picture at a width and quality 0..100; score what the detector makes of the latents."""
    detections: dict[int, Boxes] = {}
    sizes: list[float] = []
    psnr: list[float] = []
    for image_id in pictures.ids:
        pixels = pictures.picture(image_id)
        x = torch.from_numpy(to_tensor(pixels, TAIL_STRIDE))
        coded = model.measure(model.latents(x, width), torch.tensor([float(quality)]))
        sizes.append(float(coded.bits) / 8)
        detections[image_id] = detect(yolox, bridge(coded.y_hat))
        error = (model.preview(coded.y_hat).clamp(0, 1) - x)[..., : pixels.shape[0], : pixels.shape[1]]
        psnr.append(-10 * float(error.square().mean().log10()))
    accuracy = pictures.accuracy(detections)
    name = model.config.width_names[width]
    return BaseReport(name, quality, len(pictures.ids), float(np.mean(sizes)), accuracy, float(np.mean(psnr)))


def report(
    checkpoint: Annotated[Path, typer.Argument(help="latest.pt of a base or bridge run.")],
    *,
    instances: Annotated[Path, typer.Option(help="COCO instances JSON beside its images.")],
    weights: Annotated[Path, typer.Option(help="The YOLOX the bridge was trained for, as ONNX.")],
    limit: Annotated[int | None, typer.Option(help="Only the first pictures.")] = None,
    quality: Annotated[list[float] | None, typer.Option(help="Qualities 0..100.")] = None,
    width: Annotated[list[int] | None, typer.Option(help="Width indices, 0 is the narrowest.")] = None,
    pixels: Annotated[bool, typer.Option(help="Score the pictures themselves, too.")] = False,
) -> None:
    """Print one JSON line a width and quality."""
    state: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model, bridge = SlimModel().eval(), FeatureBridge(BridgeConfig()).eval()
    model.load_state_dict(state["model"])
    bridge.load_state_dict(state["bridge"])
    yolox, pictures = FrozenYolox(weights), DetectionSet(instances, limit)
    if pixels:
        typer.echo(json.dumps({"pixels": asdict(evaluate_pixels(pictures, yolox))}))
    for w in width or [model.config.widest]:
        for q in quality or [50.0]:
            typer.echo(json.dumps(asdict(evaluate_base(model, bridge, yolox, pictures, width=w, quality=q))))


if __name__ == "__main__":
    typer.run(report)
