"""The ONNX operators of convolutional vision models, as torch functions.

A builder takes a node's attributes and its constant operands (None where an operand is computed) and
returns the function and how many leading operands it takes as tensors; the rest it has folded in.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from shared_models.errors import ModelError

Attributes: TypeAlias = dict[str, Any]
Function: TypeAlias = Callable[..., Tensor]
Statics: TypeAlias = Sequence[np.ndarray | None]
Builder: TypeAlias = Callable[[Attributes, Statics], tuple[Function, int]]


def silu(x: Tensor) -> Tensor:
    """X * sigmoid(x)."""
    return F.silu(x)


def _whole(value: np.ndarray | None, what: str) -> list[int]:
    if value is None:
        raise ModelError(f"{what} is computed inside the graph; only constant ones are understood")
    return [int(v) for v in np.atleast_1d(value)]


def _padding(attributes: Attributes, rank: int) -> tuple[list[int], bool]:
    """Return the padding as F.pad wants it (last axis first), and whether both ends are alike."""
    if attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise ModelError("auto_pad is not understood; export the model with explicit pads")
    pads = list(attributes.get("pads", [0] * 2 * rank))
    pairs = [(pads[i], pads[i + rank]) for i in range(rank)]
    return [side for pair in reversed(pairs) for side in pair], all(a == b for a, b in pairs)


def _conv(attributes: Attributes, statics: Statics) -> tuple[Function, int]:
    stride, dilation = attributes.get("strides", [1, 1]), attributes.get("dilations", [1, 1])
    groups = attributes.get("group", 1)
    padding, even = _padding(attributes, 2)

    def run(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        if not even:
            return F.conv2d(F.pad(x, padding), weight, bias, stride, 0, dilation, groups)
        return F.conv2d(x, weight, bias, stride, (padding[2], padding[0]), dilation, groups)

    return run, len(statics)


def _max_pool(attributes: Attributes, statics: Statics) -> tuple[Function, int]:
    kernel, stride = attributes["kernel_shape"], attributes.get("strides", [1, 1])
    padding, _ = _padding(attributes, 2)
    ceil_mode = bool(attributes.get("ceil_mode", 0))

    def run(x: Tensor) -> Tensor:
        padded = F.pad(x, padding, value=float("-inf")) if any(padding) else x
        return F.max_pool2d(padded, kernel, stride, ceil_mode=ceil_mode)

    return run, 1


def _average_pool(attributes: Attributes, statics: Statics) -> tuple[Function, int]:
    kernel, stride = attributes["kernel_shape"], attributes.get("strides", [1, 1])
    padding, even = _padding(attributes, 2)
    if not even:
        raise ModelError("AveragePool with uneven padding is not understood")
    counted = bool(attributes.get("count_include_pad", 0))
    sides = (padding[2], padding[0])
    return lambda x: F.avg_pool2d(x, kernel, stride, sides, count_include_pad=counted), 1


def _slice(attributes: Attributes, statics: Statics) -> tuple[Function, int]:
    if len(statics) == 1:  # opset 9 and older keep them as attributes
        starts, ends = list(attributes["starts"]), list(attributes["ends"])
        axes, steps = list(attributes.get("axes", range(len(starts)))), [1] * len(starts)
    else:
        starts, ends = _whole(statics[1], "a Slice's start"), _whole(statics[2], "a Slice's end")
        axes = _whole(statics[3], "a Slice's axis") if len(statics) > 3 else list(range(len(starts)))
        steps = _whole(statics[4], "a Slice's step") if len(statics) > 4 else [1] * len(starts)

    def run(x: Tensor) -> Tensor:
        for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
            index = [slice(None)] * x.dim()
            index[axis] = slice(start, min(end, x.shape[axis]), step)
            x = x[tuple(index)]
        return x

    return run, 1


def _resize(attributes: Attributes, statics: Statics) -> tuple[Function, int]:
    mode = {b"nearest": "nearest", b"linear": "bilinear"}.get(attributes.get("mode", b"nearest"))
    if mode is None:
        raise ModelError(f"Resize mode {attributes['mode']!r} is not understood; nearest and linear are")
    align = attributes.get("coordinate_transformation_mode", b"half_pixel") == b"align_corners"
    options: dict[str, Any] = {"mode": mode} | ({"align_corners": align} if mode == "bilinear" else {})
    scales, sizes = statics[2] if len(statics) > 2 else None, statics[3] if len(statics) > 3 else None
    if scales is not None and scales.size:
        factor = [float(v) for v in scales[2:]]
        return lambda x: F.interpolate(x, scale_factor=factor, **options), 1
    size = _whole(sizes, "a Resize's size")[2:]
    return lambda x: F.interpolate(x, size=size, **options), 1


def _clip(attributes: Attributes, statics: Statics) -> tuple[Function, int]:
    def bound(index: int, name: str) -> float | None:
        if len(statics) > index and statics[index] is not None:
            return float(np.asarray(statics[index]).item())
        return attributes.get(name)

    low, high = bound(1, "min"), bound(2, "max")
    return lambda x: x.clamp(low, high), 1


def _reshape(attributes: Attributes, statics: Statics) -> tuple[Function, int]:
    shape = _whole(statics[1], "a Reshape's shape")
    # The leading axis is the batch: keep it free, whatever the export had fixed.
    return lambda x: x.reshape(
        [x.shape[0], *[x.shape[i] if n == 0 else n for i, n in enumerate(shape)][1:]]
    ), 1


def _plain(function: Function, tensors: int) -> Builder:
    return lambda attributes, statics: (function, tensors)


BUILDERS: dict[str, Builder] = {
    "Add": _plain(torch.add, 2),
    "AveragePool": _average_pool,
    "Cast": _plain(lambda x: x.float(), 1),
    "Clip": _clip,
    "Concat": lambda attributes, statics: (lambda *x: torch.cat(x, attributes["axis"]), len(statics)),
    "Conv": _conv,
    "Div": _plain(torch.div, 2),
    "GlobalAveragePool": _plain(lambda x: x.mean(dim=(2, 3), keepdim=True), 1),
    "Identity": _plain(lambda x: x, 1),
    "LeakyRelu": lambda attributes, statics: (lambda x: F.leaky_relu(x, attributes.get("alpha", 0.01)), 1),
    "MaxPool": _max_pool,
    "Mul": _plain(torch.mul, 2),
    "Relu": _plain(F.relu, 1),
    "Reshape": _reshape,
    "Resize": _resize,
    "Sigmoid": _plain(torch.sigmoid, 1),
    "Slice": _slice,
    "Sub": _plain(torch.sub, 2),
    "Transpose": lambda attributes, statics: (lambda x: x.permute(*attributes["perm"]), 1),
}
