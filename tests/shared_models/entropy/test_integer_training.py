import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch, which the `train` extra installs")

import torch

from shared_models.entropy.integer_training import (
    HIDDEN,
    HIDDEN_UNIT,
    OutputRange,
    TrainedConv,
    TrainedLayers,
)
from shared_models.errors import ModelError
from tests.shared_models.entropy.networks import random_inputs


def trained_layers(seed: int = 0) -> TrainedLayers:
    torch.manual_seed(seed)
    answer = OutputRange(4, -128, 127)
    layers = [
        TrainedConv((9, 16), 3, 16, HIDDEN, 5),
        TrainedConv((16, 16), 1, HIDDEN_UNIT, HIDDEN, 7),
        TrainedConv((16, 6), 3, HIDDEN_UNIT, answer, 8),
    ]
    for layer in layers:
        torch.nn.init.normal_(layer.bias, std=0.5)
    return TrainedLayers(layers, -127, 127)


@pytest.mark.parametrize("form", ["contiguous", "channels_last", "float64", "two threads", "batch of 20"])
def test_the_forward_pass_computes_the_frozen_integers(form: str) -> None:
    layers = trained_layers()
    inputs = random_inputs((20 if form == "batch of 20" else 2, 9, 11, 8))
    expected = layers.freeze().run(inputs)
    x = torch.from_numpy(inputs.astype(np.float32))
    threads = torch.get_num_threads()
    if form == "channels_last":
        x = x.to(memory_format=torch.channels_last)
    if form == "float64":
        layers, x = layers.double(), x.double()
    try:
        torch.set_num_threads(2 if form == "two threads" else 1)
        with torch.no_grad():
            outputs = layers(x)
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(outputs.numpy(), expected)


def test_rounding_does_not_stop_the_gradients() -> None:
    layers = trained_layers()
    layers(torch.from_numpy(random_inputs((1, 9, 6, 6)).astype(np.float32))).square().mean().backward()
    for parameter in layers.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().max() > 0


def test_a_weight_beyond_int8_is_clipped_and_can_come_back() -> None:
    layer = TrainedConv((1, 1), 1, 16, OutputRange(16, -4000, 4000), 4)
    torch.nn.init.constant_(layer.weight, 100.0)
    assert layer.freeze().weight.item() == 127
    layer(torch.ones(1, 1, 1, 1)).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.item() != 0


def test_freezing_proves_exactness() -> None:
    layers = trained_layers()
    middle = layers[1]
    assert isinstance(middle, TrainedConv)
    with torch.no_grad():
        middle.bias[5] = 1e6
    with pytest.raises(ModelError, match="layer 1, output channel 5"):
        layers.freeze()
