import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from shared_models.bridges.bridge_network import BridgeNetwork, FeatureMap
from shared_models.bridges.mobilenet import ClassView, FrozenMobilenet
from shared_models.bridges.yolox import FrozenYolox, Prediction
from shared_models.codecs.slim.model import SlimModel
from shared_models.errors import InputError
from shared_models.evaluation.base_layer import HEADS, BaseLayer, Teachers, load_base
from shared_models.evaluation.detection.labelled_pictures import DetectionSet

PERSON = 0


class OneLargePerson(FrozenYolox):
    """Sees a person that fills the picture wherever the first of P3's channels is bright at the top left."""

    def __init__(self) -> None:
        nn.Module.__init__(self)

    def pyramid_and_heads(self, P3: Tensor) -> tuple[list[Tensor], list[Prediction]]:
        predictions = []
        for stride in (8, 16, 32):
            h, w = P3.shape[2] * 8 // stride, P3.shape[3] * 8 // stride
            classes, objectness = torch.full((1, 80, h, w), -20.0), torch.full((1, 1, h, w), -20.0)
            boxes = torch.zeros(1, 4, h, w)
            if stride == 32:
                classes[0, PERSON, 0, 0], objectness[0, 0, 0, 0] = 20, 20 * P3[0, 0, 0, 0]
                boxes[0, :, 0, 0] = torch.tensor([1.0, 1.0, np.log(2), np.log(2)])  # the middle of 64 x 64
            predictions.append(Prediction(classes, objectness, boxes))
        return [P3, P3, P3], predictions


class ClassOfFirstChannel(FrozenMobilenet):
    """Gives class 1 where the first channel of its features is above zero, else class 0."""

    def __init__(self) -> None:
        nn.Module.__init__(self)

    def features(self, x: Tensor) -> Tensor:
        return x.new_ones(1, 96, 4, 4)

    def view(self, features: Tensor) -> ClassView:
        logits = torch.stack([features.new_zeros(1), features[:, 0].mean(dim=(1, 2))], dim=1)
        return ClassView(features, features, logits)


@pytest.fixture
def pictures(tmp_path: Path) -> DetectionSet:
    truth = {
        "info": {},
        "images": [{"id": i, "file_name": f"{i}.png", "width": 64, "height": 64} for i in (1, 2)],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "bbox": [0, 0, 64, 64], "area": 4096, "iscrowd": 0}
            for i in (1, 2)
        ],
        "categories": [{"id": 1, "name": "person"}],
    }
    random = np.random.default_rng(0)
    for i in (1, 2):
        Image.fromarray(random.integers(0, 256, (64, 64, 3), np.uint8)).save(tmp_path / f"{i}.png")
    (tmp_path / "instances.json").write_text(json.dumps(truth))
    return DetectionSet(tmp_path / "instances.json")


def base(P3: float = 1.0, at_16: float = 1.0) -> BaseLayer:
    """A random base whose heads give one value everywhere, whatever the latents."""
    torch.manual_seed(0)
    bridge = BridgeNetwork(HEADS)
    bridge.head(0).mean.fill_(P3)
    bridge.head(1).mean.fill_(at_16)
    return BaseLayer(SlimModel(), bridge)


@pytest.mark.parametrize(("value", "AP", "agreement"), [(1.0, 1.0, 1.0), (-1.0, 0.0, 0.0)])
def test_the_teachers_judge_what_the_heads_make(
    pictures: DetectionSet, value: float, AP: float, agreement: float
) -> None:
    teachers = Teachers(OneLargePerson(), ClassOfFirstChannel())
    (found,) = base(value, value).evaluate(pictures, teachers, widths=[0], qualities=[50])
    assert (found.width, found.quality, found.pictures) == ("0.25", 50, 2)
    assert pytest.approx(AP) == found.accuracy.AP
    assert found.class_agreement == agreement


def test_bytes_and_preview_follow_quality_at_every_width(pictures: DetectionSet) -> None:
    found = base().evaluate(pictures, Teachers(OneLargePerson()), widths=[0, 1], qualities=[0, 100])
    assert [(f.width, f.quality) for f in found] == [("0.25", 0), ("0.25", 100), ("0.5", 0), ("0.5", 100)]
    assert found[0].bytes_mean < found[1].bytes_mean
    assert found[2].bytes_mean < found[3].bytes_mean
    assert all(0 < f.preview_psnr < 20 for f in found), "the preview of random weights is no picture"
    assert {f.class_agreement for f in found} == {None}, "there is no classifier"


def test_a_checkpoint_is_read_as_the_recipe_wrote_it(tmp_path: Path) -> None:
    written = base(P3=3.0)
    torch.save(
        {"model": written.model.state_dict(), "bridge": written.bridge.state_dict()}, tmp_path / "base.pt"
    )
    read = load_base(tmp_path / "base.pt")
    torch.testing.assert_close(dict(read.bridge.state_dict()), dict(written.bridge.state_dict()))
    assert not read.bridge.training


@pytest.mark.parametrize("bridge", [None, BridgeNetwork([FeatureMap(8, 64)])])
def test_a_checkpoint_with_another_bridge_is_refused(tmp_path: Path, bridge: BridgeNetwork | None) -> None:
    state = {"model": SlimModel().state_dict()} | ({"bridge": bridge.state_dict()} if bridge else {})
    torch.save(state, tmp_path / "base.pt")
    with pytest.raises(InputError, match=r"base\.pt holds no bridge for a detector and a classifier"):
        load_base(tmp_path / "base.pt")
