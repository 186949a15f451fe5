"""Operators that work number by number, with broadcasting."""

import functools
from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper
from torch import Tensor

from shared_models.bridges.operators.node import Builder, Function, Node, plain

WHOLE: Final = {
    TensorProto.UINT8: torch.uint8,
    TensorProto.INT8: torch.int8,
    TensorProto.INT16: torch.int16,
    TensorProto.INT32: torch.int32,
    TensorProto.INT64: torch.int64,
    TensorProto.BOOL: torch.bool,
}
"""Types that stay themselves; all floats become float32."""


def silu(x: Tensor) -> Tensor:
    """X * sigmoid(x)."""
    return F.silu(x)


def _clip(node: Node) -> Function:
    def run(x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
        bounds = [node.real(1, low), node.real(2, high)]
        low_value, high_value = (
            bound[0] if bound else node.attribute(name, None)
            for bound, name in zip(bounds, ("min", "max"), strict=True)
        )
        return x if low_value is high_value is None else x.clamp(low_value, high_value)

    return run


def _cast(node: Node) -> Function:
    target = WHOLE.get(node.attribute("to", TensorProto.FLOAT), torch.float32)
    return lambda x: x if x.dtype == target else x.to(target)


def _divide(a: Tensor, b: Tensor) -> Tensor:
    return torch.div(a, b) if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


def _modulo(node: Node) -> Function:
    return torch.fmod if node.attribute("fmod", 0) else torch.remainder


def _prelu(x: Tensor, slope: Tensor) -> Tensor:
    return torch.where(x < 0, x * slope, x)


def _power(x: Tensor, exponent: Tensor) -> Tensor:
    return torch.pow(x, exponent).to(x.dtype)


def _hard_sigmoid(node: Node) -> Function:
    alpha, beta = node.attribute("alpha", 0.2), node.attribute("beta", 0.5)
    return lambda x: (alpha * x + beta).clamp(0, 1)


def _gelu(node: Node) -> Function:
    approximate = node.attribute("approximate", "none")
    return lambda x: F.gelu(x, approximate=approximate)


def _fold(function: Function) -> Builder:
    return plain(lambda *tensors: functools.reduce(function, tensors))


def _mean(*tensors: Tensor) -> Tensor:
    return functools.reduce(torch.add, tensors) / len(tensors)


def _bit_shift(node: Node) -> Function:
    left = node.attribute("direction", "LEFT") == "LEFT"
    return torch.bitwise_left_shift if left else torch.bitwise_right_shift


def _constant(node: Node) -> Function:
    ((name, value),) = ((k, v) for k, v in node.attributes.items() if k.startswith("value"))
    array = helper_array(value) if name == "value" else np.asarray(value)
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    return lambda: torch.from_numpy(np.array(array))


def helper_array(tensor: TensorProto) -> np.ndarray:
    """Read a tensor of the file, floats of any width as float32."""
    from onnx import numpy_helper

    array = numpy_helper.to_array(tensor)
    is_float = helper.tensor_dtype_to_np_dtype(tensor.data_type).kind == "f" or array.dtype.kind == "V"
    return array.astype(np.float32) if is_float else array


def _dropout(node: Node) -> Function:
    """Nothing is dropped outside of training; the mask says that all is kept."""
    if node.outputs == 1:
        return lambda x, *rest: x
    return lambda x, *rest: (x, torch.ones_like(x, dtype=torch.bool))


ELEMENTWISE: Final[Mapping[str, Builder]] = {
    "Abs": plain(torch.abs),
    "Acos": plain(torch.acos),
    "Add": plain(torch.add),
    "And": plain(torch.logical_and),
    "Asin": plain(torch.asin),
    "Atan": plain(torch.atan),
    "BitShift": _bit_shift,
    "Cast": _cast,
    "CastLike": plain(lambda x, like: x.to(like.dtype)),
    "Ceil": plain(torch.ceil),
    "Celu": lambda node: lambda x: F.celu(x, node.attribute("alpha", 1.0)),
    "Clip": _clip,
    "Constant": _constant,
    "Cos": plain(torch.cos),
    "Div": plain(_divide),
    "Dropout": _dropout,
    "Elu": lambda node: lambda x: F.elu(x, node.attribute("alpha", 1.0)),
    "Equal": plain(torch.eq),
    "Erf": plain(torch.erf),
    "Exp": plain(torch.exp),
    "Floor": plain(torch.floor),
    "Gelu": _gelu,
    "Greater": plain(torch.gt),
    "GreaterOrEqual": plain(torch.ge),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": plain(F.hardswish),
    "Identity": plain(lambda x: x),
    "IsInf": plain(torch.isinf),
    "IsNaN": plain(torch.isnan),
    "LeakyRelu": lambda node: lambda x: F.leaky_relu(x, node.attribute("alpha", 0.01)),
    "Less": plain(torch.lt),
    "LessOrEqual": plain(torch.le),
    "Log": plain(torch.log),
    "Max": _fold(torch.maximum),
    "Mean": plain(_mean),
    "Min": _fold(torch.minimum),
    "Mish": plain(F.mish),
    "Mod": _modulo,
    "Mul": plain(torch.mul),
    "Neg": plain(torch.neg),
    "Not": plain(torch.logical_not),
    "Or": plain(torch.logical_or),
    "PRelu": plain(_prelu),
    "Pow": plain(_power),
    "Reciprocal": plain(torch.reciprocal),
    "Relu": plain(F.relu),
    "Round": plain(torch.round),
    "Selu": plain(F.selu),
    "Sigmoid": plain(torch.sigmoid),
    "Sign": plain(torch.sign),
    "Sin": plain(torch.sin),
    "Softplus": plain(F.softplus),
    "Softsign": plain(F.softsign),
    "Sqrt": plain(torch.sqrt),
    "Sub": plain(torch.sub),
    "Sum": _fold(torch.add),
    "Swish": lambda node: lambda x: x * torch.sigmoid(node.attribute("alpha", 1.0) * x),
    "Tan": plain(torch.tan),
    "Tanh": plain(torch.tanh),
    "ThresholdedRelu": lambda node: lambda x: x * (x > node.attribute("alpha", 1.0)),
    "Where": plain(torch.where),
    "Xor": plain(torch.logical_xor),
}
