import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from shared_models.bridges.quantised import quantised
from shared_models.codecs.backend import BackendOptions, Network
from shared_models.errors import ModelError


def two_convolutions() -> bytes:
    rng = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(rng.normal(size=shape).astype(np.float32) / 6, f"weight_{number}")
        for number, shape in enumerate(((16, 8, 3, 3), (4, 16, 1, 1)))
    ]
    nodes = [
        helper.make_node("Conv", ["x", "weight_0"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "weight_1"], ["y"]),
    ]
    free: list[str | int | None] = ["B", 8, "h", "w"]
    out: list[str | int | None] = ["B", 4, "h", "w"]
    graph = helper.make_graph(
        nodes,
        "two",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, free)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, out)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return bytes(model.SerializeToString())


def samples(count: int) -> list[tuple[NDArray[np.float32]]]:
    rng = np.random.default_rng(1)
    return [(rng.normal(size=(1, 8, 5 + k, 7)).astype(np.float32),) for k in range(count)]


def test_an_int8_network_says_nearly_what_the_float_one_says() -> None:
    model = two_convolutions()
    small = quantised(model, samples(8))
    ours, theirs = (Network(each, "two", BackendOptions()) for each in (small, model))
    (x,) = samples(3)[-1]
    (found,), (wanted,) = ours.run(x), theirs.run(x)
    assert found.shape == wanted.shape
    assert np.square(found - wanted).mean() < 1e-3 * np.square(wanted).mean()


def test_weights_are_int8_with_one_scale_a_channel() -> None:
    graph = onnx.load_from_string(quantised(two_convolutions(), samples(2))).graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    assert arrays["weight_0_quantized"].dtype == np.int8
    assert arrays["weight_0_scale"].shape == (16,)


def test_without_samples_there_is_nothing_to_fix_scales_by() -> None:
    with pytest.raises(ModelError, match="samples"):
        quantised(two_convolutions(), [])


@pytest.mark.parametrize("model", [b"", b"not a network"])
def test_what_is_no_network_is_refused_in_one_sentence(model: bytes) -> None:
    with pytest.raises(ModelError, match="cannot be quantised"):
        quantised(model, samples(1))
