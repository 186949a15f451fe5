"""Operators of quantised models, with straight-through gradients.

Whole numbers travel as float32, which holds all that 8-bit operators make: gradients pass roundings as if
there were none (Bengio et al. 2013, arXiv:1308.3432).
"""

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from shared_models.bridges.operators.convolution import convolve
from shared_models.bridges.operators.node import Builder, Function, Node, plain

BYTE_MAX: Final = 255.0


def rounded(x: Tensor) -> Tensor:
    """Round to even; the gradient is that of x."""
    return x + (x.round() - x).detach()


def _along(value: Tensor, x: Tensor, axis: int) -> Tensor:
    """Bring one value a channel to the shape of `x`, one value for all as it is."""
    if value.numel() == 1:
        return value.reshape(()).float()
    return value.float().reshape([-1 if i == axis % x.dim() else 1 for i in range(x.dim())])


def _range(node: Node, zero: Tensor | None, position: int = 2) -> tuple[float, float]:
    """Return the least and largest number of the type of a zero point."""
    constant = node.constants[position] if len(node.constants) > position else None
    is_signed = constant is not None and constant.dtype.kind == "i"
    if constant is None and zero is not None:
        is_signed = zero.dtype == torch.int8
    return (-128.0, 127.0) if is_signed else (0.0, BYTE_MAX)


def _quantise(node: Node) -> Function:
    axis = node.attribute("axis", 1)

    def run(x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
        low, high = _range(node, zero)
        shifted = rounded(x / _along(scale, x, axis))
        if zero is not None:
            shifted = shifted + _along(zero, x, axis)
        return shifted.clamp(low, high)

    return run


def _dequantise(node: Node) -> Function:
    axis = node.attribute("axis", 1)

    def run(x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
        centred = x.float() if zero is None else x.float() - _along(zero, x, axis)
        return centred * _along(scale, x, axis)

    return run


def _quantise_dynamically(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scale by the range that `x` has, which counts as constant for the gradient.

    A batch is as many pictures by themselves: each has its own range, (B, 1, 1, 1).
    """
    values = x.detach()
    axes = tuple(range(1 if x.dim() == 4 and len(x) > 1 else 0, x.dim()))
    is_batch = len(axes) < x.dim()
    low = values.amin(axes, keepdim=is_batch).clamp_max(0)
    high = values.amax(axes, keepdim=is_batch).clamp_min(0)
    scale = (high - low) / BYTE_MAX
    scale = torch.where(scale == 0, torch.ones_like(scale), scale)
    zero = (-low / scale).round().clamp(0, BYTE_MAX)
    return (rounded(x / scale) + zero).clamp(0, BYTE_MAX), scale, zero


def _pass_on(x: Tensor) -> tuple[Tensor, Tensor, None]:
    """Leave x as it is, at scale one and without a zero point."""
    return x, torch.ones(()), None


def _convolve_whole(node: Node) -> Function:
    run = convolve(node)

    def centred(
        x: Tensor, weight: Tensor, x_zero: Tensor | None = None, w_zero: Tensor | None = None
    ) -> Tensor:
        x = x.float() if x_zero is None else x.float() - x_zero.float()
        w = weight.float() if w_zero is None else weight.float() - _along(w_zero, weight, 0)
        out: Tensor = run(x, w)
        return out

    return centred


def _multiply_whole(
    a: Tensor, b: Tensor, a_zero: Tensor | None = None, b_zero: Tensor | None = None
) -> Tensor:
    left = a.float() if a_zero is None else a.float() - _along(a_zero, a, -2)
    right = b.float() if b_zero is None else b.float() - _along(b_zero, b, -1)
    return left @ right


def _convolve_quantised(node: Node) -> Function:
    run = convolve(node)

    def centred(  # noqa: PLR0917  # ONNX's order
        x: Tensor,
        x_scale: Tensor,
        x_zero: Tensor,
        weight: Tensor,
        w_scale: Tensor,
        w_zero: Tensor,
        y_scale: Tensor,
        y_zero: Tensor,
        bias: Tensor | None = None,
    ) -> Tensor:
        w = weight.float() - _along(w_zero, weight, 0)
        total = run(x.float() - x_zero.float(), w, None if bias is None else bias.float())
        scaled = total * (x_scale * _along(w_scale, total, 1) / y_scale)
        return (rounded(scaled) + y_zero.float()).clamp(*_range(node, y_zero, 7))

    return centred


QUANTISED: Final[Mapping[str, Builder]] = {
    "ConvInteger": _convolve_whole,
    "DequantizeLinear": _dequantise,
    "DynamicQuantizeLinear": plain(_quantise_dynamically),
    "MatMulInteger": plain(_multiply_whole),
    "QLinearConv": _convolve_quantised,
    "QuantizeLinear": _quantise,
}

UNROUNDED: Final[Mapping[str, Builder]] = {"DynamicQuantizeLinear": plain(_pass_on)}
"""In place of those above, where only gradients are wanted."""
