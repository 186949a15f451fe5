"""Every operator of the executor against ONNX Runtime, one node at a time."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from shared_models.bridges.onnx_module import OnnxModule
from shared_models.bridges.operators.registry import BUILDERS

Array = np.ndarray
Operands = Sequence[Array | None]


def noise(*shape: int, low: float = -2.0, high: float = 2.0) -> Array:
    return np.random.default_rng(len(shape)).uniform(low, high, shape).astype(np.float32)


def whole(*values: int) -> Array:
    return np.array(values, np.int64)


def one_node(
    kind: str, x: Array, operands: Operands, opset: int, outputs: int, attributes: Mapping[str, Any]
) -> onnx.ModelProto:
    """A graph of one node: `x` is computed from, the other operands are constants."""
    names = ["" if operand is None else f"c{i}" for i, operand in enumerate(operands)]
    node = helper.make_node(kind, ["x", *names], [f"y{i}" for i in range(outputs)], **attributes)
    constants = [numpy_helper.from_array(o, n) for o, n in zip(operands, names, strict=True) if o is not None]
    image = helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
    results = [helper.make_empty_tensor_value_info(f"y{i}") for i in range(outputs)]
    graph = helper.make_graph([node], "one", [image], results, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def check(
    kind: str, x: Array, *operands: Array | None, opset: int = 18, outputs: int = 1, **attributes: Any
) -> None:
    model = one_node(kind, x, operands, opset, outputs, attributes)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    names = [f"y{i}" for i in range(outputs)]
    actual = OnnxModule(model, ["x"], names)(torch.from_numpy(x))
    for made, truth in zip(actual, session.run(names, {"x": x}), strict=True):
        assert tuple(made.shape) == np.shape(truth)
        np.testing.assert_allclose(made.numpy().astype(np.float64), truth, rtol=2e-5, atol=2e-5)


PLAIN = """Abs,Acos,Asin,Atan,Ceil,Celu,Cos,Elu,Erf,Exp,Floor,HardSigmoid,HardSwish,Identity,IsNaN,LeakyRelu,
Mish,Neg,Reciprocal,Relu,Round,Selu,Sigmoid,Sign,Sin,Softplus,Softsign,Tan,Tanh,ThresholdedRelu,Flatten,
GlobalAveragePool,GlobalMaxPool,Shape,Size,Transpose,LogSoftmax,Softmax,LpNormalization""".replace(
    "\n", ""
).split(",")


@pytest.mark.parametrize("kind", PLAIN)
def test_operators_of_one_operand(kind: str) -> None:
    low = -0.9 if kind in {"Acos", "Asin", "Tan"} else 0.2 if kind == "Reciprocal" else -2.0
    check(kind, noise(2, 3, 4, 5, low=low, high=0.9 if low > -2 else 2.0))


@pytest.mark.parametrize("kind", ["Log", "Sqrt"])
def test_operators_of_positive_operands(kind: str) -> None:
    check(kind, noise(2, 3, low=0.1, high=3))


@pytest.mark.parametrize(
    "kind",
    [
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Max",
        "Min",
        "Mean",
        "Sum",
        "PRelu",
        "Equal",
        "Greater",
        "GreaterOrEqual",
        "Less",
        "LessOrEqual",
    ],
)
def test_operators_of_two_operands_broadcast(kind: str) -> None:
    check(kind, noise(2, 3, 4, 5), noise(3, 1, 1, low=0.5))


def test_arithmetic_of_whole_numbers_truncates() -> None:
    check("Div", whole(-7, 7, 9), whole(2, 2, -4))
    check("Mod", whole(-7, 7, 9), whole(2, 3, 4))
    check("Mod", noise(5), noise(5, low=1), fmod=1)
    check("BitShift", np.array([1, 2, 40], np.uint8), np.array([1, 2, 1], np.uint8), direction="LEFT")


def test_truth_values() -> None:
    mask = np.array([True, False, True])
    for kind in ("And", "Or", "Xor"):
        check(kind, mask, np.array([True, True, False]))
    check("Not", mask)
    check("Where", mask, noise(2, 3), noise(1, 3))
    check("IsInf", np.array([1.0, np.inf], np.float32))


def test_powers_clips_and_casts() -> None:
    check("Pow", noise(4, low=0.1), np.array(2.5, np.float32))
    check("Pow", noise(4), np.array(2, np.int64))
    check("Clip", noise(6), np.array(-0.5, np.float32), None)
    check("Clip", noise(6), None, np.array(0.5, np.float32))
    check("Clip", noise(6), opset=6, min=-1.0, max=1.0)
    check("Cast", noise(6), to=TensorProto.INT64)
    check("Cast", whole(0, 3), to=TensorProto.FLOAT)
    check("Gelu", noise(6), opset=20)
    check("Gelu", noise(6), opset=20, approximate="tanh")


@settings(max_examples=20)
@given(
    group=st.sampled_from([1, 2]),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    pads=st.lists(st.integers(0, 2), min_size=4, max_size=4),
    automatic=st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]),
)
def test_convolutions(
    group: int, kernel: tuple[int, int], stride: int, dilation: int, pads: list[int], automatic: str
) -> None:
    padding: dict[str, Any] = {"pads": pads} if automatic == "NOTSET" else {"auto_pad": automatic}
    # ONNX Runtime refuses dilation with automatic padding at the lower end
    check(
        "Conv",
        noise(2, 4, 11, 9),
        noise(6, 4 // group, *kernel),
        noise(6),
        group=group,
        strides=[stride] * 2,
        dilations=[1 if automatic != "NOTSET" else dilation] * 2,
        **padding,
    )


@settings(max_examples=20)
@given(
    group=st.sampled_from([1, 2]),
    stride=st.integers(1, 3),
    pads=st.lists(st.integers(0, 1), min_size=4, max_size=4),
    extra=st.integers(0, 1),
)
def test_transposed_convolutions(group: int, stride: int, pads: list[int], extra: int) -> None:
    extra = min(extra, stride - 1)
    check(
        "ConvTranspose",
        noise(2, 4, 5, 6),
        noise(4, 3, 3, 2),
        noise(3 * group),
        group=group,
        strides=[stride] * 2,
        pads=pads,
        output_padding=[extra] * 2,
    )
    check("ConvTranspose", noise(1, 2, 4, 4), noise(2, 3, 3, 3), strides=[2, 2], auto_pad="SAME_UPPER")


def test_convolutions_of_one_and_three_axes() -> None:
    check("Conv", noise(1, 2, 9), noise(3, 2, 3), pads=[1, 0])
    check("Conv", noise(1, 2, 5, 6, 7), noise(3, 2, 3, 3, 3))


@settings(max_examples=40)
@given(
    kind=st.sampled_from(["MaxPool", "AveragePool"]),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    pads=st.lists(st.integers(0, 1), min_size=4, max_size=4),
    ceil_mode=st.integers(0, 1),
    counted=st.integers(0, 1),
    sides=st.tuples(st.integers(5, 9), st.integers(5, 9)),
)
def test_pooling(
    kind: str, kernel: int, stride: int, pads: list[int], ceil_mode: int, counted: int, sides: tuple[int, int]
) -> None:
    attributes: dict[str, Any] = {"count_include_pad": counted} if kind == "AveragePool" else {}
    pads = [min(p, kernel - 1) for p in pads]
    # where the last window would begin in the padding, versions of ONNX Runtime disagree
    stride = min(stride, kernel)
    check(
        kind,
        noise(1, 2, *sides),
        kernel_shape=[kernel] * 2,
        strides=[stride] * 2,
        pads=pads,
        ceil_mode=ceil_mode,
        **attributes,
    )
    check(kind, noise(1, 2, *sides), kernel_shape=[kernel] * 2, strides=[stride] * 2, auto_pad="SAME_UPPER")


WAYS = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn"]


@settings(max_examples=40)
@given(
    mode=st.sampled_from(["nearest", "linear", "cubic"]),
    way=st.sampled_from(WAYS),
    rounding=st.sampled_from(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]),
    sides=st.tuples(st.integers(1, 7), st.integers(2, 7)),
    scale=st.sampled_from([0.5, 1.0, 2.0, 3.0]),
    by_size=st.booleans(),
)
def test_resizing(
    mode: str, way: str, rounding: str, sides: tuple[int, int], scale: float, by_size: bool
) -> None:
    if way == "tf_half_pixel_for_nn" and mode != "nearest":
        way = "half_pixel"
    attributes: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": way}
    if mode == "nearest":
        attributes["nearest_mode"] = rounding
    x = noise(1, 2, 2 * sides[0], 2 * sides[1])
    scales = None if by_size else np.array([1, 1, scale, scale], np.float32)
    sizes = whole(1, 2, 3 * sides[0], 5 * sides[1]) if by_size else None
    check("Resize", x, None, *([scales] if sizes is None else [None, sizes]), **attributes)


def test_older_resizing() -> None:
    scales = np.array([1, 1, 2, 2], np.float32)
    check("Resize", noise(1, 2, 3, 4), scales, opset=10, mode="nearest")
    check("Upsample", noise(1, 2, 3, 4), scales, opset=9, mode="nearest")
    check("Upsample", noise(1, 2, 3, 4), scales, opset=9, mode="linear")


def test_normalisation() -> None:
    x, one = noise(2, 4, 5, 6), noise(4, low=0.5)
    check("BatchNormalization", x, one, noise(4), noise(4), noise(4, low=0.5), epsilon=1e-3)
    check("InstanceNormalization", x, one, noise(4))
    check("LayerNormalization", x, noise(6), noise(6))
    check("LayerNormalization", x, noise(5, 6), axis=2)
    check("GroupNormalization", x, one, noise(4), opset=21, num_groups=2)
    check("LRN", x, size=3, alpha=1e-3, beta=0.7, bias=1.2)
    check("LpNormalization", x, axis=1, p=1)
    check("Softmax", x, opset=11)
    check("Softmax", x, axis=1)


def test_products() -> None:
    check("MatMul", noise(2, 3, 4), noise(4, 5))
    check("Gemm", noise(3, 4), noise(5, 4), noise(5), transB=1, alpha=0.5, beta=2.0)
    check("Gemm", noise(4, 3), noise(4, 5), transA=1)
    check("Einsum", noise(2, 3, 4), noise(2, 5, 4), equation="bij,bkj->bik")


REDUCTIONS = ["L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"]


@pytest.mark.parametrize("kind", [f"Reduce{kind}" for kind in REDUCTIONS])
def test_reductions(kind: str) -> None:
    x = noise(2, 3, 4, low=0.2)
    check(kind, x, whole(1, -1), keepdims=0)
    check(kind, x)
    check(kind, x, opset=11, axes=[1])


def test_choices_along_an_axis() -> None:
    x = noise(3, 5, 4)
    check("ArgMax", x, axis=1)
    check("ArgMin", x, axis=-1, keepdims=0)
    check("TopK", x, whole(2), outputs=2, axis=1)
    check("TopK", np.zeros((2, 6), np.float32), whole(3), outputs=2, largest=0)
    check("CumSum", x, np.array(1, np.int64))


@settings(max_examples=40)
@given(
    start=st.integers(-8, 8),
    end=st.integers(-8, 8),
    step=st.sampled_from([-2, -1, 1, 3]),
    axis=st.integers(-2, 1),
)
def test_slices(start: int, end: int, step: int, axis: int) -> None:
    check("Slice", noise(5, 6), whole(start), whole(end), whole(axis), whole(step))


def test_slices_of_older_files() -> None:
    check("Slice", noise(5, 6), opset=9, starts=[1], ends=[2**31 - 1], axes=[1])


def test_rearrangements() -> None:
    x = noise(2, 3, 4, 6)
    check("Reshape", x, whole(0, -1, 6))
    check("Transpose", x, perm=[0, 2, 3, 1])
    check("Flatten", x, axis=2)
    check("Squeeze", noise(1, 3, 1, 2), whole(2))
    check("Squeeze", noise(1, 3, 1, 2))
    check("Unsqueeze", noise(3, 2), whole(0, -1))
    check("Concat", x, noise(2, 1, 4, 6), axis=1)
    check("Split", x, whole(1, 2), outputs=2, axis=1)
    check("Split", x, outputs=2, axis=3, num_outputs=2)
    check("Split", noise(2, 7), outputs=3, axis=1, num_outputs=3)
    check("Expand", noise(3, 1), whole(2, 1, 4))
    check("Tile", noise(2, 3), whole(2, 1))
    check("DepthToSpace", noise(1, 8, 2, 3), blocksize=2)
    check("DepthToSpace", noise(1, 8, 2, 3), blocksize=2, mode="CRD")
    check("SpaceToDepth", noise(1, 2, 4, 6), blocksize=2)
    check("Trilu", noise(4, 5), np.array(1, np.int64), upper=0)
    check("Dropout", x)


def test_padding() -> None:
    x = noise(1, 2, 5, 6)
    check("Pad", x, whole(0, 0, 1, 2, 0, 0, 0, 1), np.array(3.5, np.float32))
    check("Pad", x, whole(0, 0, 1, 2, 0, 0, 0, 1), mode="edge")
    check("Pad", x, whole(0, 0, 1, 2, 0, 0, 0, 1), mode="reflect")
    check("Pad", x, whole(0, 0, -1, 0, 0, 0, 0, -2))


def test_places() -> None:
    x = noise(3, 4, 5)
    check("Gather", x, np.array([[0, -1], [1, 1]]), axis=1)
    check("Gather", x, np.array(2), axis=2)
    check("GatherElements", noise(3, 4), np.array([[0, -1, 2, 1]]), axis=0)
    check("GatherND", x, np.array([[0, 1], [2, 3]]))
    check("GatherND", x, np.array([[0], [1], [3]]), batch_dims=1)
    check("ScatterND", noise(4, 3), np.array([[1], [3]]), noise(2, 3))
    check("ScatterElements", noise(3, 4), np.array([[1, 0, 2, 1]]), noise(1, 4), axis=0)
    check("OneHot", whole(0, 2, 1), np.array(3), np.array([0, 5], np.float32))
    check("NonZero", np.array([[1, 0], [0, 3]], np.float32))
    check("GridSample", noise(1, 2, 5, 6), noise(1, 3, 4, 2, low=-1, high=1), opset=16)
    check("GridSample", noise(1, 2, 5, 6), noise(1, 3, 4, 2, low=-1, high=1), opset=16, align_corners=1)


def test_shapes_are_numbers_of_their_own() -> None:
    check("ConstantOfShape", whole(2, 3), value=numpy_helper.from_array(np.array([7.0], np.float32)))
    check("Range", np.array(1, np.int64), np.array(9, np.int64), np.array(3, np.int64))
    check("Shape", noise(2, 3, 4), start=1)


def test_quantisation() -> None:
    x = noise(2, 3, 4, 5, high=5)
    scale, zero = np.array(0.03, np.float32), np.array(120, np.uint8)
    check("QuantizeLinear", x, scale, zero)
    check("QuantizeLinear", x, np.array([0.03, 0.1, 0.02], np.float32), np.array([0, 3, -4], np.int8), axis=1)
    check("DequantizeLinear", np.arange(24, dtype=np.uint8).reshape(2, 3, 4), scale, zero)
    check("DynamicQuantizeLinear", noise(3, 4, 5, high=5), outputs=3)
    check("DynamicQuantizeLinear", noise(3, 4, low=1), outputs=3)
    byte = np.random.default_rng(0).integers(0, 255, (1, 4, 7, 6), np.uint8)
    weight = np.random.default_rng(1).integers(-128, 127, (5, 4, 3, 3), np.int8)
    check("ConvInteger", byte, weight, np.array(7, np.uint8), np.array(0, np.int8), pads=[1, 1, 1, 1])
    check("MatMulInteger", byte[0, 0], weight[0].reshape(6, 6), np.array(7, np.uint8), np.array(1, np.int8))
    per_channel = np.linspace(0.01, 0.02, 5, dtype=np.float32)
    check("QLinearConv", byte, np.array(0.02, np.float32), np.array(9, np.uint8), weight, per_channel,
          np.zeros(5, np.int8), np.array(0.9, np.float32), np.array(99, np.uint8),
          np.arange(5, dtype=np.int32) * 100)  # fmt: skip


def test_gradients_pass_roundings() -> None:
    model = one_node("DynamicQuantizeLinear", noise(2, 3), [], 18, 3, {})
    x = torch.from_numpy(noise(2, 3)).requires_grad_()
    y, scale, _ = OnnxModule(model, ["x"], ["y0", "y1", "y2"])(x)
    (y * scale).sum().backward()
    torch.testing.assert_close(x.grad, torch.ones_like(x))


def test_a_batch_is_quantised_as_single_pictures_would_be() -> None:
    model = one_node("DynamicQuantizeLinear", noise(2, 3, 4, 5), [], 18, 3, {})
    module = OnnxModule(model, ["x"], ["y0"])
    x = torch.from_numpy(noise(2, 3, 4, 5) * np.array([1, 9], np.float32).reshape(2, 1, 1, 1))
    (both,) = module(x)
    torch.testing.assert_close(both, torch.cat([module(x[:1])[0], module(x[1:])[0]]))


def test_without_rounding_a_quantised_convolution_is_the_one_it_stands_for() -> None:
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]),
        helper.make_node("ConvInteger", ["q", "w", "zero", "w_zero"], ["sums"]),
        helper.make_node("Cast", ["sums"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["floats", "scale"], ["y"]),
    ]
    weight = np.random.default_rng(0).integers(-128, 128, (4, 3, 1, 1)).astype(np.int8)
    constants = [
        numpy_helper.from_array(weight, "w"),
        numpy_helper.from_array(np.array(0, np.int8), "w_zero"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 5, 6])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 5, 6])
    model = helper.make_model(helper.make_graph(nodes, "quantised", [x], [y], constants))
    pixels = torch.from_numpy(noise(1, 3, 5, 6))
    (exact,) = OnnxModule(model, ["x"], ["y"], rounds=False)(pixels)
    (rounded,) = OnnxModule(model, ["x"], ["y"])(pixels)
    torch.testing.assert_close(exact, torch.conv2d(pixels, torch.from_numpy(weight).float()))
    step = float(pixels.max() - pixels.min()) / 255
    assert 0 < (exact - rounded).abs().max() < step * np.abs(weight).sum(1).max()


def test_a_constant_node_and_what_follows_from_it_is_folded() -> None:
    two = numpy_helper.from_array(np.array([2.0, 3.0], np.float32))
    nodes = [
        helper.make_node("Constant", [], ["two"], value=two),
        helper.make_node("Neg", ["two"], ["less"]),
        helper.make_node("CastLike", ["less", "two"], ["like"]),
        helper.make_node("Swish", ["x"], ["gate"]),
        helper.make_node("Mul", ["x", "like"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    model = helper.make_model(helper.make_graph(nodes, "folded", [x], [y]))
    module = OnnxModule(model, ["x"], ["y"])
    assert len(module.steps) == 1
    torch.testing.assert_close(module(torch.ones(2))[0], torch.tensor([-2.0, -3.0]))


def test_every_operator_is_compared_here() -> None:
    source = __import__("pathlib").Path(__file__).read_text()
    missing = [kind for kind in BUILDERS if kind not in source and not kind.startswith("Reduce")]
    assert not missing


def test_gradients_pass_a_quantised_layer() -> None:
    scale, zero = np.array(0.05, np.float32), np.array(10, np.uint8)
    module = OnnxModule(one_node("QuantizeLinear", noise(2, 3), [scale, zero], 18, 1, {}), ["x"], ["y0"])
    x = torch.tensor([[0.21, 1.0, 99.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(module(x)[0].sum(), x)
    torch.testing.assert_close(gradient, torch.tensor([[20.0, 20.0, 0.0]]))  # none beyond the range
