from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load, save

from shared_models.entropy.integer_layers import EXACT_LIMIT, IntegerConv, IntegerLayers
from shared_models.errors import ModelError
from tests.shared_models.entropy.networks import random_inputs, random_network


def reference(network: IntegerLayers, inputs: NDArray[Any]) -> NDArray[np.int64]:
    """Compute the definition in 64-bit integers, one kernel tap at a time."""
    a = inputs.astype(np.int64)
    for layer in network.layers:
        k, (H, W) = layer.weight.shape[2], a.shape[2:]
        padded = np.pad(a, ((0, 0), (0, 0), (k // 2, k // 2), (k // 2, k // 2)))
        total = np.broadcast_to(
            layer.bias.astype(np.int64)[None, :, None, None], (len(a), len(layer.bias), H, W)
        )
        for i in range(k):
            for j in range(k):
                window = padded[:, :, i : i + H, j : j + W]
                total = total + np.einsum("oc,bchw->bohw", layer.weight[:, :, i, j].astype(np.int64), window)
        a = np.clip(np.floor_divide(total, 1 << layer.shift), layer.lowest, layer.highest)
    return a


@pytest.mark.parametrize("shape", [(1, 9, 1, 1), (1, 9, 2, 7), (2, 9, 6, 5)])
def test_a_network_computes_its_definition(shape: tuple[int, ...]) -> None:
    network, inputs = random_network(), random_inputs(shape)
    assert np.array_equal(network.run(inputs), reference(network, inputs))


def test_negative_sums_are_floored_and_not_cut() -> None:
    layer = IntegerConv(np.array([[[[1]]]], np.int8), np.zeros(1, np.int32), 1, -10, 10)
    outputs = IntegerLayers((layer,), -5, 5).run(np.array([[[[-5, -1, 0, 1, 5]]]], np.int16))
    assert outputs.reshape(-1).tolist() == [-3, -1, 0, 0, 2]


def test_a_network_that_could_leave_the_exact_range_is_refused_with_its_channel() -> None:
    weight = np.zeros((4, 600, 1, 1), np.int8)
    weight[2] = 127
    layer = IntegerConv(weight, np.zeros(4, np.int32), 0, 0, 255)
    assert layer.accumulator_bounds(255)[2] > EXACT_LIMIT
    with pytest.raises(ModelError, match="layer 0, output channel 2"):
        IntegerLayers((layer,), 0, 255)


def test_the_limit_itself_is_refused_and_one_below_is_taken() -> None:
    def bias_only(bias: int) -> IntegerLayers:
        layer = IntegerConv(np.zeros((1, 1, 1, 1), np.int8), np.array([bias], np.int32), 0, 0, 1)
        return IntegerLayers((layer,), 0, 1)

    bias_only(EXACT_LIMIT - 1)
    with pytest.raises(ModelError, match="16777216"):
        bias_only(-EXACT_LIMIT)


def test_a_network_comes_back_from_a_file_as_it_was() -> None:
    network, inputs = random_network(), random_inputs((1, 9, 4, 4))
    again = IntegerLayers.from_arrays(load(save(network.to_arrays())))
    assert np.array_equal(again.run(inputs), network.run(inputs))


def test_each_missing_array_is_named() -> None:
    whole = random_network().to_arrays()
    for name in whole:
        arrays = {key: array for key, array in whole.items() if key != name}
        with pytest.raises(ModelError, match=name):
            IntegerLayers.from_arrays(arrays)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("weight_1", np.zeros((16, 23, 1, 1), np.int8)),
        ("weight_1", np.zeros((16, 24, 2, 2), np.int8)),
        ("weight_1", np.zeros((16, 24, 1, 1), np.int16)),
        ("weight_1", np.zeros((16, 24), np.int8)),
        ("bias_0", np.zeros(23, np.int32)),
        ("settings", np.array([[24, 0, 255], [8, 0, 255], [8, -128, 127]], np.int32)),
        ("settings", np.array([[7, 9, 9], [8, 0, 255], [8, -128, 127]], np.int32)),
        ("settings", np.array([[7, 0, 1 << 20], [8, 0, 255], [8, -128, 127]], np.int32)),
        ("settings", np.zeros((0, 3), np.int32)),
        ("settings", np.zeros((17, 3), np.int32)),
        ("range", np.zeros(3, np.int32)),
    ],
)
def test_damaged_arrays_are_refused(name: str, array: NDArray[Any]) -> None:
    with pytest.raises(ModelError):
        IntegerLayers.from_arrays({**random_network().to_arrays(), name: array})
