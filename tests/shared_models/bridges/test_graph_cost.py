import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from shared_models.bridges.graph_cost import cost_of
from shared_models.errors import ModelError


def model(nodes: list[onnx.NodeProto], weights: dict[str, tuple[int, ...]], channels: int) -> bytes:
    free: list[str | int | None] = ["B", channels, "h", "w"]
    graph = helper.make_graph(
        nodes,
        "counted",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, free)],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return bytes(made.SerializeToString())


def zeros(*shape: int) -> list[np.ndarray]:
    return [np.zeros(shape, np.float32)]


def test_a_convolution_counts_one_product_a_tap_and_output() -> None:
    convolution = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1], strides=[2, 2])
    cost = cost_of(model([convolution], {"w": (8, 4, 3, 3)}, 4), zeros(1, 4, 10, 12))
    assert cost.macs == 8 * 5 * 6 * 4 * 9
    assert cost.weight_bytes == 4 * 8 * 4 * 9
    assert cost.bytes_moved == 4 * (4 * 10 * 12 + 8 * 4 * 9 + 8 * 5 * 6)


def test_a_depthwise_convolution_counts_its_own_channel_only() -> None:
    convolution = helper.make_node("Conv", ["x", "w"], ["y"], group=4)
    assert cost_of(model([convolution], {"w": (4, 1, 3, 3)}, 4), zeros(2, 4, 5, 5)).macs == 2 * 4 * 9 * 9


def test_a_transposed_convolution_counts_its_inputs() -> None:
    convolution = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])
    assert cost_of(model([convolution], {"w": (4, 6, 2, 2)}, 4), zeros(1, 4, 3, 3)).macs == 4 * 9 * 6 * 4


def test_a_matrix_product_counts_rows_by_columns_by_depth() -> None:
    product = helper.make_node("MatMul", ["x", "w"], ["y"])
    assert cost_of(model([product], {"w": (7, 3)}, 2), zeros(1, 2, 5, 7)).macs == 2 * 5 * 7 * 3


def test_an_activation_behind_a_layer_costs_nothing() -> None:
    convolution = helper.make_node("Conv", ["x", "w"], ["a"])
    with_activation = [convolution, helper.make_node("Relu", ["a"], ["y"])]
    alone = [helper.make_node("Conv", ["x", "w"], ["y"])]
    costs = [
        cost_of(model(nodes, {"w": (2, 3, 1, 1)}, 3), zeros(1, 3, 4, 4)) for nodes in (with_activation, alone)
    ]
    assert costs[0] == costs[1]


@pytest.mark.parametrize("data", [b"no model", model([helper.make_node("Relu", ["x"], ["y"])], {}, 3)])
def test_what_cannot_run_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        cost_of(data, zeros(1, 5, 2, 2))
