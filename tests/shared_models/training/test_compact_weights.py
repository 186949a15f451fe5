"""Short weights: how much smaller, and how exact."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from shared_models.codecs.backend import BackendOptions, Network, Optimisation
from shared_models.training.compact_weights import with_byte_weights, with_half_weights, with_integer_weights


def matrix_network(weight: np.ndarray) -> bytes:
    shape = ["batch", weight.shape[0]]
    product = helper.make_node("MatMul", ["x", "weight"], ["product"])
    graph = helper.make_graph(
        [product, helper.make_node("Add", ["product", "bias"], ["y"])],
        "matrix",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", weight.shape[1]])],
        [
            numpy_helper.from_array(weight.astype(np.float32), "weight"),
            numpy_helper.from_array(np.full(weight.shape[1], 0.1, np.float32), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    data: bytes = model.SerializeToString()
    return data


def run(model: bytes, x: np.ndarray, optimisation: Optimisation = Optimisation.ALL) -> np.ndarray:
    (y,) = Network(model, "matrix", BackendOptions(optimisation=optimisation)).run(x)
    return y


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("optimisation", list(Optimisation))
def test_integer_weights_are_exact_at_every_optimisation_level(
    random: np.random.Generator, optimisation: Optimisation
) -> None:
    model = matrix_network(random.integers(-127, 128, (64, 32)))
    x = random.integers(-100, 100, (3, 64)).astype(np.float32)
    small = with_integer_weights(model)
    assert len(small) < len(model) / 2
    assert np.array_equal(run(small, x, optimisation), run(model, x))


def test_integer_weights_beyond_a_byte_take_two() -> None:
    model = matrix_network(np.full((64, 32), 1000.0))
    assert np.array_equal(
        run(with_integer_weights(model), np.ones((1, 64), np.float32)),
        run(model, np.ones((1, 64), np.float32)),
    )


@pytest.mark.parametrize("value", [0.5, 40000.0])
def test_weights_that_are_no_short_integers_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="weight"):
        with_integer_weights(matrix_network(np.full((64, 32), value)))


def test_half_weights_halve_the_file_and_keep_ten_bits(random: np.random.Generator) -> None:
    model = matrix_network(random.standard_normal((64, 64)))
    x = random.standard_normal((5, 64)).astype(np.float32)
    small = with_half_weights(model)
    assert len(small) < 0.6 * len(model)
    assert np.abs(run(small, x) - run(model, x)).max() < 2e-2
    with pytest.raises(ValueError, match="beyond float16"):
        with_half_weights(matrix_network(np.full((64, 64), 1e6)))


def test_byte_weights_quarter_the_file_and_round_each_row_by_its_own_scale(
    random: np.random.Generator,
) -> None:
    weight = random.standard_normal((64, 64)) * np.logspace(-6, 0, 64)[:, np.newaxis]
    weight[3] = 0
    model = matrix_network(weight)
    small = with_byte_weights(model)
    assert len(small) < 0.4 * len(model)
    for row in range(64):
        x = np.zeros((1, 64), np.float32)
        x[0, row] = 1
        error = np.abs(run(small, x) - run(model, x)).max()
        assert error <= np.abs(weight[row]).max() / 254 + 1e-6
