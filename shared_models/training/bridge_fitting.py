"""Fit a bridge from a package's latents into somebody's model, with nothing but pictures."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import torch

from shared_models.bridges.bridge_files import write_bridge
from shared_models.bridges.bridge_network import BridgeNetwork, FeatureMap
from shared_models.bridges.bridge_start import BridgeStart, open_start
from shared_models.bridges.split import CANVAS_MULTIPLE
from shared_models.errors import InputError
from shared_models.tasks.bridge_info import BridgeInfo, CutTensor
from shared_models.tasks.feature_placement import Array
from shared_models.training.bridge_examples import USES, Batch, EndlessBatches, ExampleMaker
from shared_models.training.bridge_plan import BridgePlan
from shared_models.training.bridge_teacher import BridgeTeacher, Lesson
from shared_models.training.head_regression import solve_heads
from shared_models.training.recipes.slim_bridge import BridgeLoss, SlimBridgeRecipe
from shared_models.training.trainer import Trainer, TrainerConfig

_OBJECTNESS: Final = {"yolox": 4, "yolo-anchors": 4}
"""The channel after the box, in the layouts that have one."""
_CANVAS_PX: Final = 416**2
_BATCH: Final = 2  # of canvases of _CANVAS_PX; more of smaller ones
_BATCH_MAX: Final = 16
_JUDGED: Final = 12  # held-out pictures that progress is measured on
_STUDIED: Final = 64  # pictures that scales are measured and new heads solved on
_STUDIED_MIN: Final = 16
_SAMPLES: Final = 8  # pictures at each of these qualities that int8 scales are fixed on
_SAMPLE_QUALITIES: Final = (25.0, 50.0, 90.0)
_FIRST_REPORT_S: Final = 3.0  # then at twice the time, and so on
_FIT_FILE: Final = "fit.json"
_TRUNK_SHARE: Final = 0.3  # of the learning rate: a trunk that was fitted to other models knows most of it
_WEIGHT_DECAY: Final = 0.1  # Muon's steps have one size: without it weights of long fits grow for ever


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a fit is: errors on held-out pictures; 1 at the cut is a bridge that knows only means."""

    step: int
    share: float
    trained_s: float
    cut: float
    levels: float
    outputs: float


Report: TypeAlias = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class FitReport:
    """What was fitted, and to how many pictures."""

    directory: str
    model: str
    task: str
    cut: tuple[str, ...]
    pictures: int
    held_out: int
    unreadable: int
    steps: int
    minutes: float
    errors: Progress


def fit_bridge(
    plan: BridgePlan, directory: Path, report: Report, start: BridgeStart | None = None
) -> FitReport:
    """Fit a bridge, or go on with an earlier fit of the same plan, and write it to `directory`.

    It starts from `start`, else from the one that is shipped for these latents, else from random weights.
    Runs until its time is spent or a signal ends it; the bridge is written either way. Checkpoints lie
    beside it, in `directory`.fit. Raises InputError where that folder belongs to another fit, ModelError
    for a model that torch cannot run or that no bridge can be exported for.
    """
    start = start or open_start(plan.codec.fingerprint.hex())
    recipe, trainer = open_fit(plan, directory.with_name(f"{directory.name}.fit"), start)
    judge = HeldOutJudge(plan, recipe, trainer, report)
    judge.tell()
    trainer.run(judge.watch)
    return write_fit(plan, recipe, directory, judge.tell(), with_tail=True)


def open_fit(plan: BridgePlan, folder: Path, start: BridgeStart | None) -> tuple[SlimBridgeRecipe, Trainer]:
    """Go on with the fit in `folder`, or begin one from `start`, or from random weights.

    New heads get the weights that come nearest on some pictures, in seconds that count as training. Raises
    InputError where the folder belongs to another fit, ModelError for a model that torch cannot run.
    """
    torch.manual_seed(plan.config.seed)
    maker = _example_maker(plan)
    claim_folder(folder, plan)
    began_s = time.monotonic()
    studied = _studied(plan, maker)
    lessons = [batch.lesson for batch in studied[::USES]]
    recipe = _bridge_recipe(plan, maker, start, lessons)
    trainer = Trainer(recipe, _trainer_config(plan, folder, start))
    if trainer.step == 0:
        bridge = recipe.bridge
        risen = [k for k in range(len(bridge.heads)) if start and start.rises(bridge.head(k))]
        solve_heads(bridge, studied, risen=risen)
        trainer.trained_s += time.monotonic() - began_s
    return recipe, trainer


def _trainer_config(plan: BridgePlan, folder: Path, start: BridgeStart | None) -> TrainerConfig:
    """Return how the plan's fit is driven."""
    config = plan.config
    return TrainerConfig(
        folder,
        config.minutes,
        steps=config.steps,
        lr=config.lr,
        lr_shares={"bridge.trunk.": _TRUNK_SHARE} if start else {},
        weight_decay=_WEIGHT_DECAY,
        checkpoint_every_s=60.0,
        seed=config.seed,
    )


def _example_maker(plan: BridgePlan) -> ExampleMaker:
    teacher = BridgeTeacher(plan.graph, plan.cut, whole=plan.whole, threads=plan.config.threads)
    return ExampleMaker(plan, teacher, int(np.clip(round(_BATCH * _canvases(plan)), 1, _BATCH_MAX)))


def _studied(plan: BridgePlan, maker: ExampleMaker) -> list[Batch]:
    """Return batches on which scales are measured and new heads solved, few where canvases are large.

    Those of one study stand side by side, USES of each.
    """
    count = int(np.clip(round(_STUDIED * _canvases(plan)), _STUDIED_MIN, _STUDIED))
    chosen = plan.pictures.split().fitted[:count]
    studies = maker.studies(chosen, USES, np.random.default_rng((plan.config.seed, 3)))
    return [batch for batches in studies for batch in batches]


def _canvases(plan: BridgePlan) -> float:
    """Return how many of the plan's canvases have the area of one of _CANVAS_PX."""
    width, height = plan.side(plan.config.long_side_px, plan.config.long_side_px)
    return _CANVAS_PX / (width * height)


def _bridge_recipe(
    plan: BridgePlan, maker: ExampleMaker, start: BridgeStart | None, lessons: Sequence[Lesson]
) -> SlimBridgeRecipe:
    targets = [FeatureMap(level.stride, level.channels) for level in plan.cut.levels]
    return SlimBridgeRecipe(
        EndlessBatches(maker, plan.pictures.split().fitted, plan.config.seed),
        start.network(targets) if start else BridgeNetwork(targets),
        maker.teacher.teach([plan.padding()]),
        loss=BridgeLoss(plan.pixel.task, _OBJECTNESS.get(plan.pixel.layout.name)),
        lessons=lessons,
    )


class HeldOutJudge:
    """Measures the bridge on a few held-out pictures, seldom enough to cost next to nothing."""

    def __init__(self, plan: BridgePlan, recipe: SlimBridgeRecipe, trainer: Trainer, report: Report) -> None:
        """Make the batches once: the same pictures, qualities and widths for every figure."""
        self.recipe, self.trainer, self.report = recipe, trainer, report
        random = np.random.default_rng((plan.config.seed, 2))
        held_out = plan.pictures.split().held_out[:_JUDGED]
        studies = recipe.batches.maker.studies(held_out, 1, random)
        self.batches: Sequence[Batch] = [batch for batches in studies for batch in batches]
        self._began_s, self._next_s = time.monotonic(), _FIRST_REPORT_S
        self._last: Progress | None = None

    def watch(self, figures: dict[str, float]) -> None:
        """Tell how far the fit is if it is time to; `figures` of the last step are not used."""
        elapsed_s = time.monotonic() - self._began_s
        if elapsed_s >= self._next_s:
            self.tell()
            self._next_s = elapsed_s + min(max(elapsed_s, _FIRST_REPORT_S), 60.0)

    @torch.no_grad()
    def tell(self) -> Progress:
        """Measure, report and return; what was told of this step already is not told again."""
        if self._last is not None and self._last.step == self.trainer.step:
            return self._last
        figures = [self.recipe.distance(batch)[1] for batch in self.batches]
        means = {name: float(np.mean([f[name] for f in figures])) for name in figures[0]}
        trainer = self.trainer
        progress = Progress(trainer.step, trainer.progress, round(trainer.trained_s, 1), **means)
        self._last = progress
        self.report(progress)
        return progress


def write_fit(
    plan: BridgePlan, recipe: SlimBridgeRecipe, directory: Path, errors: Progress, *, with_tail: bool
) -> FitReport:
    """Write what was fitted so far as a bridge directory; raise ModelError if that is not exact."""
    split, pixel, levels = plan.pictures.split(), plan.pixel, plan.cut.levels
    report = FitReport(
        str(directory),
        plan.path.stem,
        pixel.task,
        plan.cut.tensors,
        len(split.fitted),
        len(split.held_out),
        len(plan.pictures.unreadable),
        errors.step,
        round(errors.trained_s / 60, 2),
        errors,
    )
    info = BridgeInfo(
        task=pixel.task,
        model=plan.path.stem,
        model_sha256=_sha256(plan.path),
        latents=plan.codec.fingerprint.hex(),
        convention=pixel.convention,
        layout=pixel.layout,
        cut=tuple(CutTensor(name=f.name, stride=f.stride, channels=f.channels) for f in levels),
        canvas_multiple=CANVAS_MULTIPLE if plan.is_free else None,
        long_side_px=plan.config.long_side_px,
        card={"pictures": report.pictures, "steps": report.steps, "minutes": report.minutes},
    )
    network = recipe.bridge.float().eval()
    samples = _framed_samples(plan, recipe.batches.maker) if plan.config.is_int8 else []
    write_bridge(
        directory, network, recipe.pad, info, tail=plan.parts.tail if with_tail else None, samples=samples
    )
    return report


def claim_folder(folder: Path, plan: BridgePlan) -> None:
    """Make the folder of a fit; raise InputError where it belongs to a fit of something else."""
    identity = {
        "model": _sha256(plan.path),
        "latents": plan.codec.fingerprint.hex(),
        "cut": list(plan.cut.tensors),
        "convention": plan.pixel.convention.model_dump(mode="json"),
    }
    path = folder / _FIT_FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(identity, indent=2) + "\n")
    elif json.loads(path.read_text()) != identity:
        raise InputError(
            f"{folder} holds a fit of another model, cut or convention; remove it or choose another -o"
        )


def _framed_samples(plan: BridgePlan, maker: ExampleMaker) -> list[Array]:
    framed = []
    for pixels in plan.held_out(_SAMPLES):
        side = plan.side(pixels.shape[1], pixels.shape[0])
        examples = maker.examples(pixels, side, _SAMPLE_QUALITIES, plan.codec.widths[-1])
        framed += [example.framed for example in examples]
    return framed


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
