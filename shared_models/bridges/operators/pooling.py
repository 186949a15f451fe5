"""Pooling over windows and over whole maps."""

from collections.abc import Mapping, Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from shared_models.bridges.operators.convolution import pad, padding
from shared_models.bridges.operators.node import Builder, Function, Node, plain

MAXIMUM: Final = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVERAGE: Final = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


def _windows(node: Node, x: Tensor) -> tuple[list[int], list[int], list[tuple[int, int]], list[int]]:
    """Return kernel, strides, padding, and what ceil_mode adds at the end of each axis."""
    kernel = list(node.attribute("kernel_shape", None))
    rank = len(kernel)
    strides = list(node.attribute("strides", [1] * rank))
    dilations = list(node.attribute("dilations", [1] * rank))
    pairs = padding(node, x.shape[2:], kernel, strides, dilations)
    extra = [0] * rank
    if node.attribute("ceil_mode", 0):
        sizes = zip(x.shape[2:], pairs, kernel, strides, dilations, strict=True)
        extra = [_overhang(*axis) for axis in sizes]
    return kernel, strides, pairs, extra


def _overhang(side: int, pair: tuple[int, int], size: int, stride: int, dilation: int) -> int:
    """Return how far the last window reaches beyond the padding where outputs are rounded up."""
    padded, reach = side + sum(pair), (size - 1) * dilation + 1
    steps = -(-(padded - reach) // stride)
    if steps * stride >= side + pair[0]:  # a window that would begin in the padding at the end
        steps -= 1
    return max(0, steps * stride + reach - padded)


def _max_pool(node: Node) -> Function:
    if node.outputs > 1:
        raise node.refuse("its second output, the places of the maxima, is asked for")

    def run(x: Tensor) -> Tensor:
        kernel, strides, pairs, extra = _windows(node, x)
        dilations = list(node.attribute("dilations", [1] * len(kernel)))
        reach = [(before, after + more) for (before, after), more in zip(pairs, extra, strict=True)]
        out: Tensor = MAXIMUM[len(kernel)](pad(x, reach, float("-inf")), kernel, strides, dilation=dilations)
        return out

    return run


def _average_pool(node: Node) -> Function:
    counts_padding = bool(node.attribute("count_include_pad", 0))

    def run(x: Tensor) -> Tensor:
        kernel, strides, pairs, extra = _windows(node, x)
        if any(size != 1 for size in node.attribute("dilations", [])):
            raise node.refuse("it is dilated")
        pool, reach = AVERAGE[len(kernel)], [(0, more) for more in extra]
        if not any(side for pair in pairs for side in pair) and not any(extra):
            plain_mean: Tensor = pool(x, kernel, strides)
            return plain_mean
        sums = pool(pad(pad(x, pairs), reach), kernel, strides)
        ones = torch.ones((1, 1, *x.shape[2:]), dtype=x.dtype, device=x.device)
        counted = pad(ones, pairs, 1.0 if counts_padding else 0.0)
        out: Tensor = sums / pool(pad(counted, reach), kernel, strides)
        return out

    return run


def _over_maps(x: Tensor) -> Sequence[int]:
    return tuple(range(2, x.dim()))


POOLING: Final[Mapping[str, Builder]] = {
    "AveragePool": _average_pool,
    "GlobalAveragePool": plain(lambda x: x.mean(dim=_over_maps(x), keepdim=True)),
    "GlobalMaxPool": plain(lambda x: x.amax(dim=_over_maps(x), keepdim=True)),
    "MaxPool": _max_pool,
}
