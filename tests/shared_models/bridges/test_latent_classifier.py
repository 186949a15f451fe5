from pathlib import Path

import pytest
import torch

from shared_models.bridges.bridge_network import BridgeNetwork, FeatureMap, TrunkConfig
from shared_models.bridges.latent_classifier import (
    FEATURES,
    ClassifierTail,
    LatentClassifierNetwork,
    TailConfig,
    bridge_of_base,
    centre_square,
    load_classifier,
)
from shared_models.errors import InputError

SMALL = TailConfig(channels=16, inner_channels=8, blocks=(1, 1))


def small() -> LatentClassifierNetwork:
    return LatentClassifierNetwork(tail=ClassifierTail(TrunkConfig().hidden_channels, SMALL)).eval()


@pytest.mark.parametrize(("h", "w", "side"), [(1, 1, 1), (2, 9, 2), (16, 16, 14), (18, 26, 16), (30, 20, 18)])
def test_the_centre_is_seven_eighths_of_the_short_side(h: int, w: int, side: int) -> None:
    y_hat = torch.arange(h * w, dtype=torch.float32).reshape(1, 1, h, w)
    centre = centre_square(y_hat)
    assert centre.shape == (1, 1, side, side)
    assert centre[0, 0, 0, 0] == ((h - side) // 2) * w + (w - side) // 2


def test_latents_of_any_size_give_a_thousand_logits() -> None:
    network = small()
    with torch.no_grad():
        for h, w in ((1, 1), (3, 7), (20, 26)):
            assert network(torch.randn(2, 64, h, w)).shape == (2, 1000)


def test_what_lies_outside_the_centre_does_not_matter() -> None:
    network = small()
    y_hat = torch.randn(1, 64, 16, 24)
    changed = y_hat.clone()
    changed[:, :, :, :5], changed[:, :, 0] = 9.0, -9.0
    with torch.no_grad():
        torch.testing.assert_close(network(y_hat), network(changed))


def test_a_tail_looks_at_features_relative_to_how_they_were_calibrated() -> None:
    tail = ClassifierTail(8, SMALL).eval()
    features, last = torch.randn(4, 96, 6, 6), torch.randn(4, 320, 3, 3)
    with torch.no_grad():
        tail.calibrate(features, last)
        before = tail.maps(features).wide
        tail.calibrate(5 * features + 3, last)
        torch.testing.assert_close(tail.maps(5 * features + 3).wide, before, rtol=1e-3, atol=1e-3)


def test_the_bridge_is_taken_out_of_a_bases_checkpoint(tmp_path: Path) -> None:
    of_base = BridgeNetwork([FeatureMap(8, 64), FEATURES])
    torch.nn.init.normal_(of_base.head(1).leave.weight)
    torch.save({"bridge": of_base.state_dict()}, tmp_path / "latest.pt")
    bridge = bridge_of_base(tmp_path / "latest.pt")
    framed = torch.randn(1, 66, 4, 5)
    with torch.no_grad():
        torch.testing.assert_close(bridge(framed)[0], of_base(framed)[1])


def test_a_base_without_a_bridge_to_a_classifier_is_named(tmp_path: Path) -> None:
    torch.save({"bridge": BridgeNetwork([FeatureMap(8, 64)]).state_dict()}, tmp_path / "latest.pt")
    with pytest.raises(InputError, match="holds no bridge to a classifier"):
        bridge_of_base(tmp_path / "latest.pt")


def test_a_checkpoint_comes_back_as_it_was_and_another_is_named(tmp_path: Path) -> None:
    network = LatentClassifierNetwork().eval()
    parts = {"bridge": network.bridge.state_dict(), "tail": network.tail.state_dict()}
    torch.save(parts, tmp_path / "latest.pt")
    y_hat = torch.randn(1, 64, 4, 4)
    with torch.no_grad():
        torch.testing.assert_close(load_classifier(tmp_path / "latest.pt")(y_hat), network(y_hat))
    torch.save({"enhancement": {}}, tmp_path / "other.pt")
    with pytest.raises(InputError, match="no checkpoint of the classifier"):
        load_classifier(tmp_path / "other.pt")


def test_a_share_of_the_weights_is_those_that_the_tail_began_with(tmp_path: Path) -> None:
    network = LatentClassifierNetwork()
    for name, value in (("start", 1.0), ("latest", 2.0)):
        torch.nn.init.constant_(network.tail.classes.bias, value)
        parts = {"bridge": network.bridge.state_dict(), "tail": network.tail.state_dict()}
        torch.save(parts, tmp_path / f"{name}.pt")
    mixed = load_classifier(tmp_path / "latest.pt", tmp_path / "start.pt")
    torch.testing.assert_close(mixed.tail.classes.bias, torch.full((1000,), 1.7))
