"""What a fit sees: studies of pictures, used several times, the same ones from any step on."""

from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared_models.packages.package import ModelPackage
from shared_models.training.bridge_examples import USES, EndlessBatches, ExampleMaker
from shared_models.training.bridge_plan import BridgePlan, FitConfig
from shared_models.training.bridge_teacher import BridgeTeacher
from tests.tiny_models import write_detector, write_segmenter

SIZE = 2


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for i in range(24):
        shape = (48, 64, 3) if i % 2 else (64, 40, 3)
        Image.fromarray(random.integers(0, 256, shape, np.uint8)).save(folder / f"{i:02}.png")
    return folder


@pytest.fixture(scope="module")
def plan(dct_package: ModelPackage, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> BridgePlan:
    model = write_detector(tmp_path_factory.mktemp("model") / "d.onnx")
    return BridgePlan.open(dct_package, model, pictures, FitConfig())


def batches(plan: BridgePlan) -> EndlessBatches:
    teacher = BridgeTeacher(plan.graph, plan.cut, whole=plan.whole, threads=1)
    return EndlessBatches(ExampleMaker(plan, teacher, SIZE), plan.pictures.split().fitted)


def test_a_study_is_used_several_times_at_other_qualities_and_not_at_once(plan: BridgePlan) -> None:
    made = list(islice(batches(plan), 120))
    steps_of: dict[int, list[int]] = {}
    for step, batch in enumerate(made):
        steps_of.setdefault(id(batch.lesson), []).append(step)
    middle = [steps for steps in steps_of.values() if steps[0] > 40 and steps[-1] < 80]
    assert all(len(steps) == USES for steps in steps_of.values() if steps[-1] < 60)
    assert all(b - a > 1 for steps in middle for a, b in pairwise(steps))
    first, second = (made[step].examples[0].framed for step in next(iter(steps_of.values()))[:2])
    assert not np.array_equal(first, second)


def test_batches_go_on_where_they_stopped(plan: BridgePlan) -> None:
    first, second = batches(plan), batches(plan)
    reading = iter(first)
    for _ in range(30):
        next(reading)
    second.step = first.step
    for one, other in islice(zip(reading, second, strict=False), 10):
        assert one.side == other.side
        for a, b in zip(one.examples, other.examples, strict=True):
            assert np.array_equal(a.framed, b.framed)


def test_a_detector_that_takes_any_canvas_learns_on_the_pictures_own(plan: BridgePlan) -> None:
    assert plan.is_free
    assert plan.side(64, 40) == (64, 64)
    assert plan.side(40, 64) == (64, 64)
    assert plan.side(30, 96) == (32, 96)
    batch = next(iter(batches(plan)))
    (features,) = batch.lesson.features[:1]
    stride = plan.cut.levels[0].stride
    assert features.shape[2:] == (batch.side[1] // stride, batch.side[0] // stride)
    canvas = plan.canvas(np.zeros((40, 60, 3), np.uint8), (64, 64))
    assert canvas.shape == (1, 3, 64, 64)
    assert np.all(canvas[:, :, :40, :60] == canvas[0, 0, 0, 0])
    assert np.all(canvas[:, :, 40:] == canvas[0, 0, -1, -1])
    assert canvas[0, 0, 0, 0] != canvas[0, 0, -1, -1]


def test_a_segmenter_learns_on_its_own_canvas(
    dct_package: ModelPackage, pictures: Path, tmp_path: Path
) -> None:
    model = write_segmenter(tmp_path / "s.onnx")
    plan = BridgePlan.open(dct_package, model, pictures, FitConfig())
    assert not plan.is_free
    assert plan.side(30, 96) == plan.pixel.convention.side == (64, 64)
