from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from shared_models.bridges.mobilenet import FrozenMobilenet, MobilenetCut
from shared_models.errors import ModelError
from tests.shared_models.bridges.teachers import write_teacher

MOBILENET = Path(__file__).parents[4] / "shared" / "weights" / "mobilenet_v2_224.onnx"
needs_mobilenet = pytest.mark.skipif(not MOBILENET.exists(), reason=f"no MobileNetV2 at {MOBILENET}")


@pytest.mark.slow
@needs_mobilenet
@torch.no_grad()
def test_its_parts_together_class_pictures_as_the_whole_does() -> None:
    x = torch.rand(1, 3, 224, 224)
    (expected,) = onnxruntime.InferenceSession(MOBILENET).run(None, {"image": x.numpy() * 255})
    network = FrozenMobilenet(MOBILENET)
    logits = network.view(network.features(x)).logits
    np.testing.assert_allclose(logits.numpy(), expected[:, 1:], atol=2e-3)


@pytest.mark.slow
@needs_mobilenet
@torch.no_grad()
def test_it_takes_batches_of_any_size() -> None:
    network, x = FrozenMobilenet(MOBILENET), torch.rand(2, 3, 96, 160)
    network.calibrate(x)
    view = network.view(network.features(x))
    assert (view.at_32.shape, view.last.shape, view.logits.shape) == (
        (2, 160, 3, 5),
        (2, 320, 3, 5),
        (2, 1000),
    )
    assert (network.variance > 0).all()


def test_another_network_is_refused_by_the_tensor_that_it_lacks(tmp_path: Path) -> None:
    other = MobilenetCut(at_32="expanded_conv_99")
    with pytest.raises(ModelError, match="expanded_conv_99"):
        FrozenMobilenet(write_teacher(tmp_path / "teacher.onnx"), other)
