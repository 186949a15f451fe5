"""The built-in detector of `slim`: a tail of our own, taught by what a frozen YOLOX makes of its input.

From random weights, the teacher runs on the student's own stride-8 features at first, which are those of
the bridge, so that every stage of the student has a function to imitate; later it runs on the picture itself,
so that the student learns to see through what coding lost. The bridge begins as the one that was trained with
the base; it is trained on at the end. Any bridge into the same teacher hands on the same features, so
the tail of an earlier detector (`--start`) fits a new base at once, and only sees through more of it in time.
"""

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from torch import Tensor, nn

from shared_models.bridges.bridge_files import export_network
from shared_models.bridges.bridge_network import BridgeNetwork, FeatureMap
from shared_models.bridges.latent_detector import LatentDetectorNetwork, freeze
from shared_models.bridges.yolox_stages import YoloxStages
from shared_models.codecs.slim.config import SlimConfig
from shared_models.codecs.slim.model import SlimModel, load_slim_base
from shared_models.errors import InputError
from shared_models.module_commands import told_in_a_sentence
from shared_models.training.class_balance import repeat_factors, seen_classes
from shared_models.training.detection_loss import AnswerWeights, answer_distance
from shared_models.training.detector_views import DetectorViews
from shared_models.training.guidance import Guidance, channel_variances
from shared_models.training.picture_cache import PictureCache
from shared_models.training.placement import placed
from shared_models.training.trainer import Trainer, TrainerConfig

LATENT_CHANNELS = SlimConfig().latent_channels
FEATURES = FeatureMap(stride=8, channels=64)  # what the first bridge of a base makes
QUALITIES = torch.distributions.Beta(2.0, 2.0)  # of 100: seldom the ends, as the base was trained
CALIBRATION_VIEWS = 24
WEIGHT_DECAY = 0.3  # without it directions that training never sees grow, and some new picture explodes
AVERAGE_START = 10.0  # batches after which the average begins to be slow


@dataclass(frozen=True, slots=True)
class SlimDetectConfig:
    """What the stage is made of."""

    batch: int = 8
    guided_share: float = 0.5  # of the pictures, to begin with, take the teacher's features after each stage
    guided_until: float = 0.25
    imitation_until: float = 0.4  # from here on the teacher sees the picture itself
    bridge_from: float = 0.5  # from here on the bridge is trained, too
    is_warm: bool = False
    """The tail is trained already: no stage is guided, and the teacher sees the picture from the start."""
    stage_weights: tuple[float, float] = (1.5, 0.8)  # while imitating, and after: what is lost stays an error
    answers: AnswerWeights = field(default_factory=AnswerWeights)
    average_decay: float = 0.997
    device: str = "cpu"
    seed: int = 0


class SlimDetectRecipe:
    """Stage-wise and answer distillation of a YOLOX onto the rounded latents of a frozen base."""

    def __init__(
        self,
        views: DetectorViews,
        model: SlimModel,
        bridge: BridgeNetwork,
        teacher: YoloxStages,
        config: SlimDetectConfig,
    ) -> None:
        """Take the base, which stays as it is, and the bridge that was trained with it."""
        torch.manual_seed(config.seed)
        self.config, self.views, self.teacher = config, views, teacher
        self.model, self.detector = freeze(model), LatentDetectorNetwork(bridge)
        self.averaged = freeze(copy.deepcopy(self.detector))
        self.networks = nn.ModuleDict({"detector": self.detector, "averaged": self.averaged})
        self.batches_seen = 0
        for part in (self.model, self.teacher, self.networks):
            placed(part, config.device)
        P3 = teacher.features(self._views(CALIBRATION_VIEWS))
        self.variances = channel_variances(teacher(P3)[0] | {"P3": P3})

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Distance of stages and answers from the teacher's, over one batch of views."""
        self._average()
        x = self._views(self.config.batch)
        with torch.autocast(x.device.type, torch.bfloat16):
            with torch.set_grad_enabled(progress >= self.config.bridge_from):
                P3 = self.detector.features(self._latents(x))
            imitating = not self.config.is_warm and progress < self.config.imitation_until
            target = P3 if imitating else self.teacher.features(x)
            stages, answers = self.teacher(target)
            guidance = Guidance(stages | {"P3": target}, self.variances, self._guided_share(progress))
            predictions = self.detector.tail(guidance("P3", P3), guidance)
        distances = answer_distance(predictions, answers, self.config.answers)
        errors = torch.stack(list(guidance.errors.values()))
        weight = self.config.stage_weights[0 if imitating else 1]
        loss = torch.stack(list(distances.values())).sum() + weight * errors.sum()
        figures = distances | guidance.errors
        return loss, {name: float(value.detach()) for name, value in figures.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return the order of the views, and how many batches there were."""
        return {"views": self.views.state_dict(), "batches_seen": self.batches_seen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the views where `state` was taken."""
        self.views.load_state_dict(state["views"])
        self.batches_seen = state["batches_seen"]

    def start_tail(self, checkpoint: Path) -> None:
        """Take over the averaged tail of an earlier run, whatever its bridge; raise InputError."""
        try:
            averaged = torch.load(checkpoint, map_location="cpu", weights_only=True)["averaged"]
            tail = {name: averaged[f"tail.{name}"] for name in self.detector.tail.state_dict()}
            for detector in (self.detector, self.averaged):
                detector.tail.load_state_dict(tail)
        except (OSError, KeyError, RuntimeError) as error:
            raise InputError(
                f"{checkpoint} holds no tail of this shape; give latest.pt of a run of slim_detect"
            ) from error

    def _views(self, size: int) -> Tensor:
        return self.views.batch(size).to(self.config.device)

    def _guided_share(self, progress: float) -> float:
        if self.config.is_warm:
            return 0.0
        return self.config.guided_share * max(0.0, 1 - progress / self.config.guided_until)

    @torch.no_grad()
    def _latents(self, x: Tensor) -> Tensor:
        """Code pictures (B, 3, H, W) at a random width and random qualities: (B, 64, H/16, W/16)."""
        width = int(torch.randint(self.model.config.widths, ()))
        quality = 100 * QUALITIES.sample((len(x),)).to(x.device)
        y = self.model.latents(x, width)
        y_hat: Tensor = self.model.symbols(y, quality) / self.model.gains(quality)
        return y_hat

    @torch.no_grad()
    def _average(self) -> None:
        """Move the averaged weights towards those of today, far as long as there are few to average."""
        decay = min(self.config.average_decay, self.batches_seen / (self.batches_seen + AVERAGE_START))
        self.batches_seen += 1
        for mean, weight in zip(self.averaged.parameters(), self.detector.parameters(), strict=True):
            mean.lerp_(weight, 1 - decay)


def train(
    *,
    base: Annotated[Path, typer.Option(help="Checkpoint of the base, with its bridge.")],
    weights: Annotated[Path, typer.Option(help="The teacher: a YOLOX as ONNX.")],
    pictures: Annotated[Path, typer.Option(help="Folder of a picture cache.")],
    folder: Annotated[Path, typer.Option(help="Where checkpoint, log and detect.onnx go.")],
    start: Annotated[Path | None, typer.Option(help="An earlier detector's checkpoint: its tail.")] = None,
    minutes: Annotated[float, typer.Option(help="Training time; the schedule ends with it.")] = 90.0,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 2e-3,
    hold: Annotated[float, typer.Option(help="Share of the time at the highest learning rate.")] = 0.15,
    bridge_from: Annotated[float, typer.Option(help="Share of the time before the bridge is trained.")] = 0.5,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train the detector, or go on with folder/latest.pt; then write folder/detect.onnx."""
    cache, teacher = PictureCache(pictures), YoloxStages(weights)
    views = DetectorViews(cache, repeats=repeat_factors(seen_once(cache, teacher, folder / "classes.npy")))
    config = SlimDetectConfig(bridge_from=bridge_from, is_warm=start is not None, device=device)
    recipe = SlimDetectRecipe(views, load_slim_base(base), load_bridge(base), teacher, config)
    if start is not None:
        recipe.start_tail(start)
    driven = TrainerConfig(folder, minutes, lr=lr, weight_decay=WEIGHT_DECAY, hold=hold, device=device)
    Trainer(recipe, driven).run()
    export_detector(recipe.averaged, folder / "detect.onnx")


def seen_once(pictures: PictureCache, teacher: YoloxStages, path: Path) -> NDArray[np.bool_]:
    """Tell which classes the teacher sees in each picture, from a file where that was asked before."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, seen_classes(pictures, teacher))
    seen: NDArray[np.bool_] = np.load(path)
    return seen


def load_bridge(base: Path) -> BridgeNetwork:
    """Read the trunk and the first head of the bridge in a base's checkpoint; raise InputError."""
    try:
        state = torch.load(base, map_location="cpu", weights_only=True)["bridge"]
        bridge = BridgeNetwork([FEATURES])
        bridge.load_state_dict({name: state[name] for name in bridge.state_dict()})
    except (OSError, KeyError, RuntimeError) as error:
        raise InputError(
            f"{base} holds no bridge into {FEATURES.channels} features at stride {FEATURES.stride}; "
            "train the base with slim_base first"
        ) from error
    return bridge


def export_detector(detector: LatentDetectorNetwork, path: Path) -> None:
    """Write the network that a package ships as `detect`: y_hat (B, 64, h, w) -> maps of three strides."""
    network = detector.cpu().float().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    examples = {"y_hat": torch.randn(1, LATENT_CHANNELS, 4, 6)}
    path.write_bytes(export_network(network, examples, ["map_8", "map_16", "map_32"]))


if __name__ == "__main__":
    with told_in_a_sentence():
        typer.run(train)
