"""Convolutions, and the padding that they share with pooling."""

from collections.abc import Mapping, Sequence
from typing import Final

import torch.nn.functional as F
from torch import Tensor

from shared_models.bridges.operators.node import Builder, Function, Node

CONVOLVE: Final = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSE: Final = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def padding(
    node: Node, sides: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[tuple[int, int]]:
    """Return how much to pad before and after each axis of maps with `sides`."""
    automatic = node.attribute("auto_pad", "NOTSET")
    rank = len(sides)
    if automatic in {"NOTSET", ""}:
        pads = list(node.attribute("pads", [0] * 2 * rank))
        return [(pads[i], pads[i + rank]) for i in range(rank)]
    if automatic == "VALID":
        return [(0, 0)] * rank
    pairs = []
    for side, size, stride, dilation in zip(sides, kernel, strides, dilations, strict=True):
        total = max(0, (-(-side // stride) - 1) * stride + (size - 1) * dilation + 1 - side)
        small, large = total // 2, total - total // 2
        pairs.append((small, large) if automatic == "SAME_UPPER" else (large, small))
    return pairs


def pad(x: Tensor, pairs: Sequence[tuple[int, int]], value: float = 0.0) -> Tensor:
    """Pad the last axes of `x`."""
    flat = [side for pair in reversed(pairs) for side in pair]
    return F.pad(x, flat, value=value) if any(flat) else x


def convolve(node: Node) -> Function:
    """Build Conv."""

    def run(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        rank = weight.dim() - 2
        strides = node.attribute("strides", [1] * rank)
        dilations = node.attribute("dilations", [1] * rank)
        pairs = padding(node, x.shape[2:], weight.shape[2:], strides, dilations)
        inner = [before if before == after else 0 for before, after in pairs]
        if any(before != after for before, after in pairs):
            x, inner = pad(x, pairs), [0] * rank
        out: Tensor = CONVOLVE[rank](x, weight, bias, strides, inner, dilations, node.attribute("group", 1))
        return out

    return run


def _transpose(node: Node) -> Function:
    def run(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        rank = weight.dim() - 2
        strides = node.attribute("strides", [1] * rank)
        dilations = node.attribute("dilations", [1] * rank)
        extra = list(node.attribute("output_padding", [0] * rank))
        whole = TRANSPOSE[rank](x, weight, bias, strides, 0, extra, node.attribute("group", 1), dilations)
        crops = _crops(node, x.shape[2:], whole.shape[2:], strides)
        for axis, (before, after) in enumerate(crops):
            if after < 0:
                raise node.refuse("its output_shape is larger than the convolution makes")
            whole = whole.narrow(axis + 2, before, whole.shape[axis + 2] - before - after)
        return whole

    return run


def _crops(
    node: Node, sides: Sequence[int], whole: Sequence[int], strides: Sequence[int]
) -> list[tuple[int, int]]:
    """Return what padding takes away from a transposed convolution's full output."""
    automatic, rank = node.attribute("auto_pad", "NOTSET"), len(sides)
    wanted = node.attribute("output_shape", None)
    if wanted is None and automatic in {"NOTSET", "", "VALID"}:
        pads = list(node.attribute("pads", [0] * 2 * rank)) if automatic != "VALID" else [0] * 2 * rank
        return [(pads[i], pads[i + rank]) for i in range(rank)]
    targets = list(wanted)[-rank:] if wanted else [s * t for s, t in zip(sides, strides, strict=True)]
    pairs = []
    for have, want in zip(whole, targets, strict=True):
        total = have - want
        half = total // 2
        # the larger half is taken at the end for SAME_UPPER, else at the start
        pairs.append((half, total - half) if automatic == "SAME_UPPER" else (total - half, half))
    return pairs


CONVOLUTION: Final[Mapping[str, Builder]] = {"Conv": convolve, "ConvTranspose": _transpose}
