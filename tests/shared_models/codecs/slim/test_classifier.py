from pathlib import Path

import pytest
import torch

from shared_models.codecs.slim.classifier import LatentClassifierNet, centre_square, load_classifier
from shared_models.errors import InputError


@pytest.mark.parametrize(("h", "w", "side"), [(1, 1, 1), (2, 9, 2), (16, 16, 14), (18, 26, 16), (30, 20, 18)])
def test_the_centre_is_seven_eighths_of_the_short_side(h: int, w: int, side: int) -> None:
    y_hat = torch.arange(h * w, dtype=torch.float32).reshape(1, 1, h, w)
    centre = centre_square(y_hat)
    assert centre.shape == (1, 1, side, side)
    assert centre[0, 0, 0, 0] == ((h - side) // 2) * w + (w - side) // 2


def test_latents_of_any_size_give_a_thousand_logits() -> None:
    net = LatentClassifierNet(at_16=16, at_32=16, blocks=(1, 1)).eval()
    with torch.no_grad():
        for h, w in ((1, 1), (3, 7), (20, 26)):
            assert net(torch.randn(2, 64, h, w)).shape == (2, 1000)


def test_what_lies_outside_the_centre_does_not_matter() -> None:
    net = LatentClassifierNet(at_16=16, at_32=16, blocks=(1, 1)).eval()
    y_hat = torch.randn(1, 64, 16, 24)
    changed = y_hat.clone()
    changed[:, :, :, :5], changed[:, :, 0] = 9.0, -9.0
    with torch.no_grad():
        torch.testing.assert_close(net(y_hat), net(changed))


def test_a_checkpoint_of_something_else_is_named(tmp_path: Path) -> None:
    torch.save({"enhancement": {}}, tmp_path / "latest.pt")
    with pytest.raises(InputError, match="no checkpoint of the classifier"):
        load_classifier(tmp_path / "latest.pt")


def test_of_several_checkpoints_the_weights_are_averaged(tmp_path: Path) -> None:
    net = LatentClassifierNet()
    paths = []
    for value in (1.0, 3.0):
        torch.nn.init.constant_(net.scale, value)
        paths.append(tmp_path / f"{value}.pt")
        torch.save({"classifier": net.state_dict()}, paths[-1])
    mean = load_classifier(*paths)
    assert not mean.training
    torch.testing.assert_close(mean.scale, torch.full_like(net.scale, 2.0))
    torch.testing.assert_close(mean.head.classes.weight, net.head.classes.weight)
