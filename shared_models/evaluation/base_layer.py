"""What a checkpoint of the base layer achieves on labelled pictures: bytes, detection, classes, preview.

Bytes are as the training-time prior estimates them. The two frozen models that taught the latents judge
them: a detector's average precision, and how often a classifier sees the same as in the pixels.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import torch
import typer
from torch import Tensor

from shared_models.bridges.bridge_network import BridgeNetwork, FeatureMap, framed_whole
from shared_models.bridges.mobilenet import FrozenMobilenet
from shared_models.bridges.yolox import FrozenYolox
from shared_models.codecs.pictures import to_tensor
from shared_models.codecs.slim.model import SlimModel, load_slim_base
from shared_models.errors import InputError
from shared_models.evaluation.detection.accuracy import Accuracy
from shared_models.evaluation.detection.labelled_pictures import DetectionSet
from shared_models.frames import Pixels
from shared_models.module_commands import told_in_a_sentence
from shared_models.tasks.detection import SCORE_MIN_EVALUATION, Boxes, candidate_boxes, suppress

TAIL_STRIDE: Final = 32  # the teachers' tails need sides that are multiples of their coarsest stride
HEADS: Final = (FeatureMap(stride=8, channels=64), FeatureMap(stride=16, channels=96))
"""What the first bridges make: features of the detector, and of the classifier."""


@dataclass(frozen=True, slots=True)
class Teachers:
    """The frozen models behind the heads; without a classifier its agreement is not measured."""

    detector: FrozenYolox
    classifier: FrozenMobilenet | None = None


@dataclass(frozen=True, slots=True)
class BaseReport:
    """One width and quality: means over the pictures, and what the detector finds through the bridge.

    The agreement is the share of pictures whose first class is that of the pixels, None unmeasured.
    """

    width: str
    quality: float
    pictures: int
    bytes_mean: float
    accuracy: Accuracy
    preview_psnr: float
    class_agreement: float | None


@dataclass(frozen=True, slots=True)
class _Look:
    """What came of one picture at one width and quality."""

    bytes: float
    boxes: Boxes
    preview_psnr: float
    first_class: int | None


class BaseLayer:
    """A base model with its first bridges, in evaluation mode."""

    def __init__(self, model: SlimModel, bridge: BridgeNetwork) -> None:
        """Take the model, and a bridge with the heads of `HEADS`."""
        self.model, self.bridge = model.eval(), bridge.eval()

    @torch.no_grad()
    def evaluate(
        self, pictures: DetectionSet, teachers: Teachers, *, widths: Sequence[int], qualities: Sequence[float]
    ) -> list[BaseReport]:
        """Code every picture at each width (by index) and quality 0..100: one report each."""
        looks: dict[tuple[int, float], list[_Look]] = {(w, q): [] for w in widths for q in qualities}
        classes: list[int | None] = []
        for image_id in pictures.ids:
            pixels = pictures.picture(image_id)
            x = torch.from_numpy(to_tensor(pixels, TAIL_STRIDE))
            classes.append(first_class(teachers.classifier, x) if teachers.classifier else None)
            latents = {width: self.model.latents(x, width) for width in widths}
            for (width, quality), seen in looks.items():
                seen.append(self._look(latents[width], quality, pixels, teachers))
        return [self._report(*key, seen, pictures, classes) for key, seen in looks.items()]

    def _look(self, y: Tensor, quality: float, pixels: Pixels, teachers: Teachers) -> _Look:
        """Quantise the latents of one picture and show them to everybody."""
        coded = self.model.measure(y, torch.tensor([float(quality)]))
        P3, at_16 = self.bridge(framed_whole(coded.y_hat))
        classifier = teachers.classifier
        return _Look(
            float(coded.bits) / 8,
            detect(teachers.detector, P3),
            _psnr(self.model.preview(coded.y_hat), pixels),
            int(classifier.view(at_16).logits.argmax()) if classifier else None,
        )

    def _report(
        self,
        width: int,
        quality: float,
        looks: Sequence[_Look],
        pictures: DetectionSet,
        classes: Sequence[int | None],
    ) -> BaseReport:
        boxes = {image_id: look.boxes for image_id, look in zip(pictures.ids, looks, strict=True)}
        same = [look.first_class == seen for look, seen in zip(looks, classes, strict=True)]
        return BaseReport(
            self.model.config.width_names[width],
            quality,
            len(looks),
            float(np.mean([look.bytes for look in looks])),
            pictures.accuracy(boxes),
            float(np.mean([look.preview_psnr for look in looks])),
            None if None in classes else float(np.mean(same)),
        )


def load_base(checkpoint: Path) -> BaseLayer:
    """Read a checkpoint of the recipe `slim_base`; raise InputError."""
    model, bridge = load_slim_base(checkpoint), BridgeNetwork(HEADS)
    try:
        bridge.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["bridge"])
    except (KeyError, RuntimeError) as error:
        raise InputError(
            f"{checkpoint} holds no bridge for a detector and a classifier; train it with slim_base"
        ) from error
    return BaseLayer(model, bridge)


@torch.no_grad()
def evaluate_pixels(pictures: DetectionSet, yolox: FrozenYolox) -> Accuracy:
    """Score the detector on the pictures themselves."""
    detections: dict[int, Boxes] = {}
    for image_id in pictures.ids:
        x = torch.from_numpy(to_tensor(pictures.picture(image_id), TAIL_STRIDE))
        detections[image_id] = detect(yolox, yolox.features(x))
    return pictures.accuracy(detections)


def detect(yolox: FrozenYolox, P3: Tensor) -> Boxes:
    """Run the frozen tail on stride-8 features (1, 64, h, w); return suppressed boxes."""
    _, predictions = yolox.pyramid_and_heads(P3)
    return boxes_of([p.maps() for p in predictions])


def boxes_of(maps: Sequence[Tensor]) -> Boxes:
    """Maps (1, 85, h, w) of strides 8, 16 and 32 -> suppressed boxes."""
    return suppress(candidate_boxes([m[0].float().numpy() for m in maps], SCORE_MIN_EVALUATION))


def first_class(classifier: FrozenMobilenet, x: Tensor) -> int:
    """Return which of ImageNet's classes a classifier gives one picture (1, 3, H, W) in [0, 1]."""
    return int(classifier.view(classifier.features(x)).logits.argmax())


def _psnr(preview: Tensor, pixels: Pixels) -> float:
    """Return decibels of (1, 3, H, W) against the picture in its top left."""
    made = preview[0, :, : pixels.shape[0], : pixels.shape[1]].clamp(0, 1).permute(1, 2, 0)
    return -10 * float((made - torch.from_numpy(pixels / np.float32(255))).square().mean().log10())


def report(
    checkpoint: Annotated[Path, typer.Argument(help="latest.pt of a base run.")],
    *,
    instances: Annotated[Path, typer.Option(help="COCO instances JSON beside its images.")],
    weights: Annotated[Path, typer.Option(help="The YOLOX that taught, as ONNX.")],
    classifier: Annotated[Path | None, typer.Option(help="The MobileNetV2 that taught, as ONNX.")] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first pictures.")] = None,
    quality: Annotated[list[float] | None, typer.Option(help="Qualities 0..100.")] = None,
    width: Annotated[list[str] | None, typer.Option(help="Widths by name, as 0.25 or 1.0.")] = None,
    pixels: Annotated[bool, typer.Option(help="Score the pictures themselves, too.")] = False,
) -> None:
    """Print one JSON line a width and quality."""
    base, pictures = load_base(checkpoint), DetectionSet(instances, limit)
    teachers = Teachers(FrozenYolox(weights), FrozenMobilenet(classifier) if classifier else None)
    if pixels:
        typer.echo(json.dumps({"pixels": asdict(evaluate_pixels(pictures, teachers.detector))}))
    names = base.model.config.width_names
    if unknown := set(width or ()) - set(names):
        raise typer.BadParameter(f"widths are {', '.join(names)}, not {', '.join(sorted(unknown))}")
    widths = [names.index(name) for name in width or names[-1:]]
    for found in base.evaluate(pictures, teachers, widths=widths, qualities=quality or [50.0]):
        typer.echo(json.dumps(asdict(found)))


if __name__ == "__main__":
    with told_in_a_sentence():
        typer.run(report)
