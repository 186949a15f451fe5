"""Fit a bridge from a package's latents into somebody's detector, with nothing but pictures."""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from shared_models.bridges.bridge_files import write_bridge
from shared_models.bridges.cut import find_cut
from shared_models.bridges.onnx_module import read_onnx
from shared_models.bridges.yolox import FrozenYolox, YoloxCut
from shared_models.codecs.slim.model import SlimModel
from shared_models.codecs.slim.profile import FAMILY
from shared_models.errors import InputError, ModelError
from shared_models.packages.package import ModelPackage
from shared_models.tasks.bridged import BridgeInfo
from shared_models.training.picture_cache import build_cache, picture_paths
from shared_models.training.recipes.slim_bridge import SlimBridgeConfig, SlimBridgeRecipe
from shared_models.training.trainer import Trainer, TrainerConfig

WEIGHTS_PART = "weights"


@dataclass(frozen=True, slots=True)
class FitConfig:
    """How long, how fast and on what a bridge is fitted."""

    minutes: float = 10.0
    lr: float = 1e-3
    device: str = "cpu"


@dataclass(frozen=True, slots=True)
class FitReport:
    """What was fitted, and to how many pictures."""

    directory: str
    model: str
    cut: str
    pictures: int
    minutes: float


def fit_bridge(
    package: ModelPackage, model: Path, images: Path, directory: Path, config: FitConfig
) -> FitReport:
    """Fit a bridge into the detector `model` (ONNX) on the pictures under `images`; write it to `directory`.

    Raises InputError where there are no pictures, and ModelError for a detector that cannot be cut.
    """
    paths = picture_paths([images])
    if not paths:
        raise InputError(f"{images} holds no picture; give a directory of photographs")
    if package.manifest.family != FAMILY or WEIGHTS_PART not in package:
        raise ModelError(f"the model package {package.name} ships no weights to fit a bridge with")
    network = read_onnx(model)
    cut = find_cut(network)
    teacher = FrozenYolox(model, replace(YoloxCut(), P3=cut.features))
    shipped = {name: torch.from_numpy(array) for name, array in package.tensors(WEIGHTS_PART).items()}
    weights = SlimModel().state_dict() | shipped  # the package has what makes latents; no more is needed
    with TemporaryDirectory(prefix="slimstream-bridge-") as scratch:
        pictures = build_cache(paths, Path(scratch) / "pictures")
        recipe = SlimBridgeRecipe(
            pictures, {"model": weights}, teacher, SlimBridgeConfig(device=config.device)
        )
        Trainer(
            recipe, TrainerConfig(Path(scratch) / "run", config.minutes, lr=config.lr, device=config.device)
        ).run()
        count = len(pictures)
    info = BridgeInfo(
        task="detect",
        model=model.stem,
        latents=package.fingerprint.hex(),
        card={"pictures": count, "minutes": config.minutes, "cut": cut.features},
    )
    write_bridge(directory, recipe.bridge.cpu().float(), network, cut, info)
    return FitReport(str(directory), model.stem, cut.features, count, config.minutes)
